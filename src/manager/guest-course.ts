import type { GuestExecJob, GuestTask } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import { timestamp } from '../seams/clock.ts';
import { failureAction } from './failure-policy.ts';
import { guestResultOf, isOver } from './guest-result.ts';

/** How far a job has come in one guest. */
export type Course =
  | { state: 'underWay'; result: GuestResult }
  /** It failed, and is to be tried again at this instant, in milliseconds since the epoch. */
  | { state: 'retry'; at: number; attempt: number; result: GuestResult; failed: GuestResult }
  | { state: 'over'; result: GuestResult; failsJob?: true };

const firstBackoffMs = 10_000;
const longestBackoffMs = 360_000;

/** Where a job stands in a guest, by its attempts there: at least one, in any order. */
export function courseOf({ spec }: GuestExecJob, attempts: readonly GuestTask[]): Course {
  const latest = attempts.reduce((newest, task) => (attemptOf(task) > attemptOf(newest) ? task : newest));
  const result = guestResultOf(latest);
  return isOver(result) ? courseAfter(spec, result, latest) : { state: 'underWay', result };
}

/** Where it stands after a result that is over; `task` is missing where the guest could not even be given one. */
export function courseAfter(spec: GuestExecJob['spec'], result: GuestResult, task?: GuestTask): Course {
  if (result.phase === 'Succeeded') return { state: 'over', result };
  const tried = task ? attemptOf(task) + 1 : 0;
  switch (failureAction(spec, result)) {
    case 'Ignore':
      return { state: 'over', result: { ...result, ignored: true } };
    case 'FailJob':
      return { state: 'over', result, failsJob: true };
    case 'FailGuest':
      return { state: 'over', result };
    case 'Retry': {
      if (!task || tried > (spec.backoffLimit ?? 0)) return { state: 'over', result };
      const at = Date.parse(task.status?.completionTime ?? '') + backoffMs(tried);
      return { state: 'retry', at, attempt: tried, result: retrying(result, at), failed: result };
    }
  }
}

/** Where it stands when a guest that failed is not tried again after all: how it failed is what is told. */
export function notTriedAgain(failed: GuestResult, why: string): Course {
  const message = `${failed.message ? `${failed.message}; ` : ''}no further attempt: ${why}`;
  return { state: 'over', result: { ...failed, message } };
}

function attemptOf({ spec }: GuestTask): number {
  return spec.attempt ?? 0;
}

function backoffMs(tried: number): number {
  return Math.min(longestBackoffMs, firstBackoffMs * 2 ** (tried - 1));
}

function retrying(result: GuestResult, at: number): GuestResult {
  const { name, node, attempts, taskName, reason, message } = result;
  return {
    name,
    ...(node && { node }),
    attempts,
    ...(taskName && { taskName }),
    phase: 'Pending',
    reason: 'Retrying',
    message: `attempt ${attempts} failed (${reason}: ${message}): tried again after ${timestamp(at)}`,
  };
}
