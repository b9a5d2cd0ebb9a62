import type { GuestExecJob } from '../../api/resources.ts';
import type { GuestResult } from '../../api/schema/guest-exec-job.ts';
import { findCondition } from '../../kube/conditions.ts';
import { exitCodeOfSignal, exitCodes } from '../exit-codes.ts';

/** The reasons of a command that ran to its own end. */
const ownEnds: ReadonlySet<string | undefined> = new Set(['Completed', 'NonZeroExit']);

/** What `exec` ends with once its job is over: of one guest what the command ended with there. */
export function exitCodeOfJob({ spec, status = {} }: GuestExecJob): number {
  const results = status.guests ?? [];
  if (spec.dryRun) return results.every(({ reason }) => reason === 'WouldRun') ? exitCodes.ok : exitCodes.wrong;
  const [only] = results;
  if (spec.target.guestName !== undefined && only) return exitCodeOfGuest(only);
  if (status.phase === 'Complete') return exitCodes.ok;
  const reason = findCondition(status.conditions, 'Failed')?.reason;
  if (reason === 'DeadlineExceeded') return exitCodes.timedOut;
  return results.length > 0 ? exitCodes.wrong : exitCodes.failed;
}

function exitCodeOfGuest({ reason, exitCode, signal, phase }: GuestResult): number {
  if (reason === 'CommandNotFound') return exitCodes.commandNotFound;
  if (reason === 'DeadlineExceeded') return exitCodes.timedOut;
  if (exitCode !== undefined) return exitCode;
  if (signal !== undefined) return exitCodeOfSignal(signal);
  return phase === 'Succeeded' ? exitCodes.ok : exitCodes.failed;
}

/** What a person must know of a guest beside the command's output; undefined where the exit code says it all. */
export function problemOf({ phase, reason, message }: GuestResult): string | undefined {
  if (phase === 'Succeeded' || ownEnds.has(reason)) return undefined;
  return message ? `${reason ?? phase}: ${message}` : (reason ?? phase);
}
