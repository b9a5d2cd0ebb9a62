import type { GuestExecJob, GuestTask } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import { timestamp } from '../seams/clock.ts';
import { failureAction, isUnavailable } from './failure-policy.ts';
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
  const latest = latestOf(attempts);
  const result = guestResultOf(latest);
  if (!isOver(result)) return { state: 'underWay', result };
  const course = courseAfter(spec, result, latest);
  const earlier = hasRun(latest) ? [] : attempts.filter(hasRun);
  if (earlier.length === 0) return course;
  const failed = guestResultOf(latestOf(earlier));
  return course.state === 'retry' ? { ...course, failed } : courseWithout(spec, failed, result);
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

/** Where it stands when nothing comes of another attempt: `end` says why. */
export function courseWithout(spec: GuestExecJob['spec'], failed: GuestResult, end: GuestResult): Course {
  const failsJob = failureAction(spec, end) === 'FailJob';
  return { ...notTriedAgain(failed, end.message ?? end.phase), ...(failsJob && { failsJob }) };
}

/** Where it stands when a guest that failed is not tried again after all: how it failed is what is told. */
export function notTriedAgain(failed: GuestResult, why: string): Extract<Course, { state: 'over' }> {
  const message = `${failed.message ? `${failed.message}; ` : ''}no further attempt: ${why}`;
  return { state: 'over', result: { ...failed, message } };
}

/** Whether an attempt that is over may have come as far as to the command. */
function hasRun(task: GuestTask): boolean {
  const result = guestResultOf(task);
  if (result.phase !== 'Failed') return result.phase !== 'Skipped';
  return task.status?.claim !== undefined && !isUnavailable(result);
}

function latestOf(attempts: readonly GuestTask[]): GuestTask {
  return attempts.reduce((newest, task) => (attemptOf(task) > attemptOf(newest) ? task : newest));
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
