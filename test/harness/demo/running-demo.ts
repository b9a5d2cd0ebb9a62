import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { isAlive } from '../hypervisor/processes.ts';

/** Where the demo lives: one at a time on a machine, so that `make demo-down` finds it. */
export const demoDir = join(tmpdir(), 'qga-operator-demo');
const pidFile = `${demoDir}.pid`;
const stopTimeoutMs = 20_000;

/** The process that holds a running demo; undefined when none runs. */
export function runningDemo(): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('harness/demo.ts') ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Makes this process the one that holds the demo. */
export async function becomeRunningDemo(): Promise<void> {
  const other = runningDemo();
  if (other !== undefined) throw new Error('a demo is running already: end it with `make demo-down`');
  await writeFile(pidFile, String(process.pid));
}

/** Ends a running demo and removes what it left on the disk. Returns whether one ran. */
export async function endRunningDemo(): Promise<boolean> {
  const pid = runningDemo();
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    await eventually(() => !isAlive(pid), { what: 'the demo to end', timeoutMs: stopTimeoutMs }).catch(() => {
      // Its children die with it.
      process.kill(pid, 'SIGKILL');
    });
  }
  await removeTraces();
  return pid !== undefined;
}

export async function removeTraces(): Promise<void> {
  await rm(demoDir, { recursive: true, force: true });
  await rm(pidFile, { force: true });
}
