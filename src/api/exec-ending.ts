import type { Exec } from './schema/exec.ts';

const defaultGraceSeconds = 10;
/** After SIGKILL nothing runs on, unless it is stuck in the kernel. */
const killedWithinMs = 15_000;

/** From SIGTERM to SIGKILL, when a command is to end. */
export function graceSecondsOf({ terminationGracePeriodSeconds }: Pick<Exec, 'terminationGracePeriodSeconds'>): number {
  return terminationGracePeriodSeconds ?? defaultGraceSeconds;
}

/** Within this time an agent has ended a command that nobody wants any more, or says that it can't be ended. */
export function endedWithinMs(graceSeconds: number): number {
  return graceSeconds * 1000 + killedWithinMs;
}
