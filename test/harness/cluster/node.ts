import { existsSync } from 'node:fs';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { childOf, isAlive } from '../hypervisor/processes.ts';
import { harnessPaths } from '../paths.ts';
import type { Place } from '../place.ts';
import { run } from '../run.ts';
import { type Service, startService } from '../service.ts';

/** Namespaces that a node's processes live in, held by one process. */
export interface NodeNamespace extends Place {
  readonly name: string;
  /** Ends everything in it and removes its cgroups. */
  stop(): Promise<void>;
}

export interface NodeNamespaceOptions {
  dir: string;
  /** The folder that becomes /run/libvirt. */
  libvirtSockets: string;
  signal?: AbortSignal | undefined;
}

const folder = import.meta.dirname;
const address = '10.123.0.1';
const cgroups = '/sys/fs/cgroup';
const startTimeoutMs = 30_000;
const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];

/** Makes the namespaces of a node. Needs root, and version 1 of cgroups. */
export async function startNodeNamespace(options: NodeNamespaceOptions): Promise<NodeNamespace> {
  const { dir, libvirtSockets, signal } = options;
  if (process.getuid?.() !== 0) throw new Error('a node needs namespaces of its own: run this as root');
  if (!existsSync(join(cgroups, 'memory'))) throw new Error('this machine has no cgroups of version 1');
  await mkdir(dir, { recursive: true });
  const name = `qga-node-${process.pid}`;
  const holder = await startService({
    name: 'the node',
    command: 'unshare',
    args: [
      ...namespaces,
      '--propagation=private',
      'bash',
      join(folder, 'namespace.sh'),
      dir,
      address,
      name,
      libvirtSockets,
    ],
    logFile: join(dir, 'namespace.log'),
  });
  function ready(): number | undefined {
    holder.assertRunning();
    return existsSync(join(dir, 'namespace.ready')) ? childOf(holder.pid) : undefined;
  }
  const init = await eventually(ready, {
    what: holder.name,
    timeoutMs: startTimeoutMs,
    signal,
    hint: () => holder.logTail(),
  });
  return {
    name,
    address,
    enter: ['env', `PATH=${searchPath()}`, 'bash', join(folder, 'enter.sh'), String(init)],
    stop: async () => stopNode(holder, init, name),
  };
}

/** containerd looks for its shim, and the shim for runc, where programs are looked for. */
function searchPath(): string {
  const { containerRuntime } = harnessPaths();
  return [join(containerRuntime, 'usr/bin'), join(containerRuntime, 'usr/sbin'), process.env['PATH']].join(':');
}

async function stopNode(holder: Service, init: number, name: string): Promise<void> {
  await holder.kill();
  await eventually(() => !isAlive(init), { what: 'the node to end', timeoutMs: startTimeoutMs });
  for (const hierarchy of await readdir(cgroups)) await removeCgroups(join(cgroups, hierarchy, name));
}

/** A cgroup can be removed when what was in it is gone and the groups below it are removed. */
async function removeCgroups(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const groups = (await run('find', [path, '-depth', '-type', 'd'])).trim().split('\n');
  for (const group of groups) {
    await eventually(async () => rmdir(group).then(() => true), {
      what: `${group} to be empty`,
      timeoutMs: startTimeoutMs,
    });
  }
}
