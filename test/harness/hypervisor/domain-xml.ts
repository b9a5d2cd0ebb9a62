import { join } from 'node:path';

/** What a test guest is like. */
export interface GuestSpec {
  name: string;
  /** Goes to libvirt's metadata: the namespace its Guest object belongs in. */
  namespace?: string;
  /** Goes to libvirt's metadata: the labels of its Guest object. */
  labels?: Record<string, string>;
  /** Default 128. */
  memoryMiB?: number;
  /** Whether the domain has a channel for the agent. Default true. */
  agentChannel?: boolean;
  /** Further arguments of qemu-ga, for instance `["-b", "guest-exec"]`; without spaces or `|`. */
  agentArgs?: readonly string[];
  /** Whether the guest starts its agent. Default true. */
  startAgent?: boolean;
  /** Whether it has an ext4 disk, mounted at /data. Default true. */
  disk?: boolean;
}

/** Where one guest's files are; the same paths inside and outside of the namespace. */
export interface GuestFiles {
  xml: string;
  disk: string;
  console: string;
  controlSocket: string;
}

export function guestFiles(dir: string, name: string): GuestFiles {
  const base = join(dir, 'guests', name);
  return { xml: `${base}.xml`, disk: `${base}.img`, console: `${base}.console`, controlSocket: `${base}.sock` };
}

/** libvirt's definition of the guest: direct kernel boot, emulated CPU, as few devices as it gets by with. */
export function domainXml(spec: GuestSpec, uuid: string, files: GuestFiles, image: string): string {
  const { name, memoryMiB = 128, agentChannel = true, disk = true } = spec;
  return `<domain type="${process.env['QGA_HARNESS_KVM'] === '1' ? 'kvm' : 'qemu'}">
  <name>${escapeXml(name)}</name>
  <uuid>${uuid}</uuid>
  ${metadata(spec)}
  <memory unit="MiB">${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch="x86_64" machine="q35">hvm</type>
    <kernel>${escapeXml(join(image, 'vmlinuz'))}</kernel>
    <initrd>${escapeXml(join(image, 'initramfs'))}</initrd>
    <cmdline>${escapeXml(commandLine(spec))}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode="maximum"/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <pm><suspend-to-mem enabled="yes"/></pm>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    ${disk ? diskXml(files.disk) : ''}
    <interface type="user"><model type="virtio"/></interface>
    <serial type="file"><source path="${escapeXml(files.console)}" append="on"/></serial>
    ${agentChannel ? `<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>` : ''}
    <channel type="unix">
      <source mode="bind" path="${escapeXml(files.controlSocket)}"/>
      <target type="virtio" name="qga.harness.0"/>
    </channel>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>
`;
}

function diskXml(file: string): string {
  return `<disk type="file">
      <driver name="qemu" type="raw" cache="unsafe"/>
      <source file="${escapeXml(file)}"/>
      <target dev="vda" bus="virtio"/>
    </disk>`;
}

function metadata({ namespace, labels = {} }: GuestSpec): string {
  const entries = Object.entries(labels);
  if (namespace === undefined && entries.length === 0) return '';
  const label = entries.map(([key, value]) => `<qga:label name="${escapeXml(key)}" value="${escapeXml(value)}"/>`);
  const where = namespace === undefined ? '' : ` namespace="${escapeXml(namespace)}"`;
  return `<metadata><qga:guest xmlns:qga="https://qga.dev/v1"${where}>${label.join('')}</qga:guest></metadata>`;
}

/** Saves a third of an emulated boot: no self tests, no patching of code that would be translated twice. */
const bootQuickly = [
  'cryptomgr.notests',
  'noreplace-smp',
  'no_timer_check',
  'tsc=unstable',
  'nokaslr',
  'mitigations=off',
  'audit=0',
  'random.trust_cpu=on',
  'rcupdate.rcu_expedited=1',
];

function commandLine({ name, agentArgs = [], startAgent = true }: GuestSpec): string {
  const unspeakable = agentArgs.find((argument) => /[\s|"]/.test(argument));
  if (unspeakable !== undefined) throw new TypeError(`the kernel's command line can't carry ${unspeakable}`);
  return [
    'console=ttyS0 quiet panic=-1',
    ...bootQuickly,
    `qga.hostname=${name}`,
    ...(startAgent ? [] : ['qga.agent=off']),
    ...(agentArgs.length > 0 ? [`qga.args=${agentArgs.join('|')}`] : []),
  ].join(' ');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
