import { join } from 'node:path';
import { flavours, type GuestFlavour } from './flavours.ts';

/** What a test guest is like. */
export interface GuestSpec {
  name: string;
  /** Default small. */
  flavour?: GuestFlavour;
  /** Goes to libvirt's metadata: the namespace its Guest object belongs in. */
  namespace?: string;
  /** Goes to libvirt's metadata: the labels of its Guest object. */
  labels?: Record<string, string>;
  /** Default: what the flavour needs. */
  memoryMiB?: number;
  /** Default 1. */
  vcpus?: number;
  /** Whether the domain has a channel for the agent. Default true. */
  agentChannel?: boolean;
  /** Further arguments of qemu-ga, for instance `["-b", "guest-exec"]`; without spaces or `|`. */
  agentArgs?: readonly string[];
  /** Whether the guest starts its agent. Default true. */
  startAgent?: boolean;
  /** Whether it has an ext4 disk, mounted at /data. Default: whether it has no other disk. */
  disk?: boolean;
  /** The raw image that its root filesystem is at first, which is never written to. Default: its flavour's. */
  rootImage?: string;
  /** The raw image that its ext4 disk is a copy of. Default: an empty filesystem. */
  diskImage?: string;
}

/** Where one guest's files are; the same paths inside and outside of the namespace. */
export interface GuestFiles {
  xml: string;
  /** Of the root filesystem: what the guest changed of its flavour's image. */
  rootDisk: string;
  disk: string;
  console: string;
  controlSocket: string;
}

export function guestFiles(dir: string, name: string): GuestFiles {
  const base = join(dir, 'guests', name);
  return {
    xml: `${base}.xml`,
    rootDisk: `${base}.qcow2`,
    disk: `${base}.img`,
    console: `${base}.console`,
    controlSocket: `${base}.sock`,
  };
}

/** Whether the guest has an ext4 disk besides its root filesystem. */
export function hasDataDisk({ flavour = 'small', disk }: GuestSpec): boolean {
  return disk ?? !flavours[flavour].rootDisk;
}

/** libvirt's definition of the guest: direct kernel boot, emulated CPU, as few devices as it gets by with. */
export function domainXml(spec: GuestSpec, uuid: string, files: GuestFiles, image: string): string {
  const { name, flavour = 'small', vcpus = 1, agentChannel = true } = spec;
  const { memoryMiB, rootDisk } = flavours[flavour];
  const disks = [
    ...(rootDisk ? [{ type: 'qcow2', file: files.rootDisk }] : []),
    ...(hasDataDisk(spec) ? [{ type: 'raw', file: files.disk }] : []),
  ];
  return `<domain type="${process.env['QGA_HARNESS_KVM'] === '1' ? 'kvm' : 'qemu'}">
  <name>${escapeXml(name)}</name>
  <uuid>${uuid}</uuid>
  ${metadata(spec)}
  <memory unit="MiB">${spec.memoryMiB ?? memoryMiB}</memory>
  <vcpu>${vcpus}</vcpu>
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
    ${disks.map(diskXml).join('\n    ')}
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

function diskXml({ type, file }: { type: string; file: string }, index: number): string {
  return `<disk type="file">
      <driver name="qemu" type="${type}" cache="unsafe" discard="unmap"/>
      <source file="${escapeXml(file)}"/>
      <target dev="vd${'ab'[index]}" bus="virtio"/>
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

function commandLine({ name, flavour = 'small', agentArgs = [], startAgent = true }: GuestSpec): string {
  const unspeakable = agentArgs.find((argument) => /[\s|"]/.test(argument));
  if (unspeakable !== undefined) throw new TypeError(`the kernel's command line can't carry ${unspeakable}`);
  return [
    'console=ttyS0 quiet panic=-1',
    ...bootQuickly,
    ...flavours[flavour].kernelArguments,
    `qga.hostname=${name}`,
    ...(startAgent ? [] : ['qga.agent=off']),
    ...(agentArgs.length > 0 ? [`qga.args=${agentArgs.join('|')}`] : []),
  ].join(' ');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
