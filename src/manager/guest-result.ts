import type { GuestTask } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import type { CommonGuestResult } from '../api/schema/guest-result.ts';
import { isOverPhase } from '../api/tasks.ts';

/** How many guests a status lists. */
export const inlineGuests = 100;
const inlineBudgetBytes = 256 * 1024;
const mostBytes = 8192;

/** How much of each stream a job's status shows per guest, so that a fleet's status stays far below etcd's limit. */
export function inlineOutputBytes(guests: number): number {
  return Math.min(mostBytes, Math.floor(inlineBudgetBytes / (2 * Math.min(Math.max(1, guests), inlineGuests))));
}

/** A task as its owner's status shows it, whatever its action. */
export function commonResultOf({ spec, status = {}, metadata }: GuestTask): CommonGuestResult {
  return {
    name: spec.guestName,
    ...(spec.nodeName && { node: spec.nodeName }),
    phase: status.phase ?? 'Pending',
    ...(status.reason && { reason: status.reason }),
    ...(status.message && { message: status.message }),
    ...(status.startTime && { startTime: status.startTime }),
    ...(status.completionTime && { completionTime: status.completionTime }),
    attempts: (spec.attempt ?? 0) + 1,
    taskName: metadata.name,
  };
}

/** A task as its job's status shows it, less what the command printed. */
export function guestResultOf(task: GuestTask): GuestResult {
  const { exec } = task.status ?? {};
  return {
    ...commonResultOf(task),
    ...(exec?.exitCode !== undefined && { exitCode: exec.exitCode }),
    ...(exec?.signal !== undefined && { signal: exec.signal }),
  };
}

/** `Unknown` is an end too: nobody will ever know more. */
export function isOver({ phase }: GuestResult): boolean {
  return isOverPhase(phase);
}

/** The result with what the command printed, at most `bytes` of each stream. */
export function withOutput(result: GuestResult, task: GuestTask | undefined, bytes: number): GuestResult {
  const { exec } = task?.status ?? {};
  const stdout = shortened(exec?.stdout, bytes);
  const stderr = shortened(exec?.stderr, bytes);
  return {
    ...result,
    ...(stdout.text && { stdout: stdout.text }),
    ...(stderr.text && { stderr: stderr.text }),
    ...((exec?.truncated || stdout.cut || stderr.cut) && { truncated: true }),
  };
}

/** Head and tail of a text of at most about `bytes`; characters count as bytes, near enough for a budget. */
function shortened(text: string | undefined, bytes: number): { text: string; cut: boolean } {
  if (text === undefined || text.length <= bytes) return { text: text ?? '', cut: false };
  const half = Math.floor(bytes / 2);
  const head = text.slice(0, half).toWellFormed();
  const tail = text.slice(-half).toWellFormed();
  return { text: `${head}\n[… more in the GuestTask …]\n${tail}`, cut: true };
}
