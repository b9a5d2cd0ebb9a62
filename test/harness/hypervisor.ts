import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { writeLibvirtConfiguration } from './hypervisor/configuration.ts';
import { domainXml, type GuestSpec, guestFiles, hasDataDisk } from './hypervisor/domain-xml.ts';
import { flavours } from './hypervisor/flavours.ts';
import { type TestGuest, testGuest } from './hypervisor/guest.ts';
import { childOf, hostPid, isAlive } from './hypervisor/processes.ts';
import { harnessPaths } from './paths.ts';
import { run } from './run.ts';
import { startService } from './service.ts';

/** A real libvirtd of its own with real QEMU guests, out of reach of whatever libvirt the machine has. */
export interface TestHypervisor {
  readonly dir: string;
  /** What libvirt clients connect to. */
  readonly uri: string;
  /** The host's process id of libvirtd; throws when it doesn't run. */
  libvirtdPid(): number;
  /** SIGKILL unless told otherwise: guests run on. SIGSTOP makes it hang, SIGCONT go on. */
  killLibvirtd(signal?: NodeJS.Signals): Promise<void>;
  /** Starts libvirtd again; resolves when it takes connections. */
  startLibvirtd(): Promise<void>;
  /** Defines a guest and, unless told otherwise, starts it; doesn't wait for it to boot. */
  defineGuest(options: GuestOptions): Promise<TestGuest>;
  /** A guest that was defined before, by this process or another. */
  guest(name: string): Promise<TestGuest>;
  /** Runs virsh on this libvirtd and returns its standard output. */
  virsh(args: readonly string[]): Promise<string>;
}

export interface GuestOptions extends GuestSpec {
  /** Default true. */
  start?: boolean;
}

/** A hypervisor that this process started and can end. */
export interface OwnedHypervisor extends TestHypervisor {
  /** Ends libvirtd and every guest at once. */
  stop(): Promise<void>;
}

export interface HypervisorOptions {
  /** Holds everything libvirt writes. A short path, since unix sockets in it may have 107 characters at most. */
  dir: string;
  signal?: AbortSignal;
}

const longestDir = 60;
const startTimeoutMs = 30_000;
const namespaceFlags = ['--mount', '--pid', '--net', '--fork', '--kill-child', '--mount-proc', '--propagation=private'];
const namespaceScript = join(import.meta.dirname, 'hypervisor/namespace.sh');

/** Starts a hypervisor in `dir`, which ends with this process at the latest. Needs root for its namespaces. */
export async function startHypervisor({ dir, signal }: HypervisorOptions): Promise<OwnedHypervisor> {
  if (dir.length > longestDir) throw new RangeError(`a hypervisor's folder has at most ${longestDir} letters: ${dir}`);
  if (process.getuid?.() !== 0) throw new Error('the test hypervisor needs namespaces of its own: run this as root');
  await mkdir(join(dir, 'guests'), { recursive: true });
  await writeLibvirtConfiguration(join(dir, 'etc'));
  const namespace = await startService({
    name: "the hypervisor's namespace",
    command: 'unshare',
    args: [...namespaceFlags, 'bash', namespaceScript, dir, harnessPaths().libvirtCache],
    logFile: join(dir, 'namespace.log'),
  });
  function ready(): number | undefined {
    namespace.assertRunning();
    return existsSync(join(dir, 'namespace.ready')) ? childOf(namespace.pid) : undefined;
  }
  try {
    const init = await eventually(ready, {
      what: namespace.name,
      timeoutMs: startTimeoutMs,
      intervalMs: 10,
      signal,
      hint: () => namespace.logTail(),
    });
    await writeFile(join(dir, 'namespace.pid'), String(init));
    const hypervisor = attachHypervisor(dir);
    await hypervisor.startLibvirtd();
    return {
      ...hypervisor,
      async stop() {
        await namespace.kill();
        // The namespace's first process ends last of all in it.
        await eventually(() => !isAlive(init), { what: 'every guest to end', timeoutMs: startTimeoutMs });
      },
    };
  } catch (error) {
    await namespace.kill();
    throw error;
  }
}

/** The hypervisor that another process started in `dir`. */
export function attachHypervisor(dir: string): TestHypervisor {
  const init = Number(readFileSync(join(dir, 'namespace.pid'), 'utf8'));
  const uri = `qemu+unix:///system?socket=${join(dir, 'run/libvirt-sock')}`;

  async function virsh(args: readonly string[]): Promise<string> {
    return run('virsh', ['--quiet', '--connect', uri, ...args]);
  }
  function processOf(pidFile: string): number {
    const inner = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : undefined;
    const pid = inner === undefined ? undefined : hostPid(init, inner);
    if (pid === undefined) throw new Error(`no process runs that ${pidFile} tells of`);
    return pid;
  }
  function libvirtdPid(): number {
    return processOf(join(dir, 'run/libvirtd.pid'));
  }
  const home = { virsh, qemuPid: (name: string) => processOf(join(dir, `run/qemu/${name}.pid`)) };

  return {
    dir,
    uri,
    virsh,
    libvirtdPid,
    async killLibvirtd(signal = 'SIGKILL') {
      const pid = libvirtdPid();
      process.kill(pid, signal);
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
      await eventually(() => !isAlive(pid), { what: 'libvirtd to end', timeoutMs: startTimeoutMs, intervalMs: 20 });
    },
    async startLibvirtd() {
      const inside = ['--target', String(init), '--mount', '--pid', '--net'];
      const daemon = ['libvirtd', '--daemon', '--pid-file', '/run/libvirt/libvirtd.pid'];
      await run('nsenter', [...inside, '--', ...daemon], { timeoutMs: startTimeoutMs });
      await eventually(() => virsh(['version']), { what: 'libvirtd to take connections', timeoutMs: startTimeoutMs });
    },
    async defineGuest({ start = true, ...spec }) {
      const files = guestFiles(dir, spec.name);
      const { flavour = 'small' } = spec;
      const image = harnessPaths().guestImage(flavour);
      const uuid = randomUUID();
      const { rootImage = join(image, 'root.img') } = spec;
      if (flavours[flavour].rootDisk) await makeOverlay(rootImage, files.rootDisk);
      if (hasDataDisk(spec)) {
        const { diskImage = join(harnessPaths().guestImage('small'), 'data.img') } = spec;
        await run('cp', ['--sparse=always', diskImage, files.disk]);
      }
      await writeFile(files.xml, domainXml(spec, uuid, files, image));
      await virsh(['define', files.xml]);
      const guest = testGuest(home, spec.name, uuid, files);
      if (start) await guest.start();
      return guest;
    },
    async guest(name) {
      return testGuest(home, name, (await virsh(['domuuid', name])).trim(), guestFiles(dir, name));
    },
  };
}

/** A disk that reads as `image` until it is written to. */
async function makeOverlay(image: string, disk: string): Promise<void> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image, disk]);
}
