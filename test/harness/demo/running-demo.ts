import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { isAlive } from '../hypervisor/processes.ts';

/** Where the demo lives: one at a time on a machine, so that `make demo-down` finds it. */
export const demoDir = join(tmpdir(), 'qga-operator-demo');
export const demoLog = `${demoDir}.log`;
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

export class DemoRunsAlreadyError extends Error {
  override name = 'DemoRunsAlreadyError';

  constructor() {
    super('a demo is running already: end it with `make demo-down`');
  }
}

/** Makes this process the one that holds the demo. */
export function becomeRunningDemo(): void {
  if (runningDemo() !== undefined) throw new DemoRunsAlreadyError();
  writeFileSync(pidFile, String(process.pid));
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
  removeTraces();
  return pid !== undefined;
}

/** Removes the demo's files. */
export function removeTraces(): void {
  rmSync(demoDir, { recursive: true, force: true });
  rmSync(demoLog, { force: true });
  rmSync(pidFile, { force: true });
}
