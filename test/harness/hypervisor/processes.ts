import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The host's process id of a process that the namespace of `init` knows as `inner`; undefined when there is none. */
export function hostPid(init: number, inner: number): number | undefined {
  const namespace = pidNamespace(init);
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .find((pid) => innermostPid(pid) === inner && pidNamespace(pid) === namespace);
}

/** The only child of a process; undefined until it has one. */
export function childOf(pid: number): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children ? Number(children.split(' ')[0]) : undefined;
}

/** Whether the process exists and is more than a zombie. */
export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readOrEmpty(`/proc/${pid}/status`));
}

function innermostPid(pid: number): number | undefined {
  const pids = /^NSpid:\s+(.*)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
  return pids === undefined ? undefined : Number(pids.split('\t').at(-1));
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** Processes end while one looks at them. */
function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
