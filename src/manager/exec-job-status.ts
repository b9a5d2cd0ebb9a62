import { listed } from '../api/listed.ts';
import type { GuestExecJob, GuestTask } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { GuestExecJobStatus, GuestResult } from '../api/schema/guest-exec-job.ts';
import { isTaskOver } from '../api/tasks.ts';
import { setCondition } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { isFailure, type Stop } from './exec-job-stop.ts';
import { inlineGuests, inlineOutputBytes, isOver, withOutput } from './guest-result.ts';
import { describeTarget } from './target.ts';

/** How a job ended. */
export interface JobEnd {
  type: 'Complete' | 'Failed';
  reason: string;
  message: string;
}

/** How the job ended; undefined while it goes on. Whether nobody matched is told by no results at all. */
export function endOfJob(
  job: GuestExecJob,
  results: readonly GuestResult[],
  stop: Stop | undefined,
): JobEnd | undefined {
  if (results.length === 0) {
    const message = `no Guest in namespace ${job.metadata.namespace} matches ${describeTarget(job.spec.target)}`;
    return { type: 'Failed', reason: 'NoGuestsMatched', message };
  }
  if (!results.every(isOver)) return undefined;
  if (stop) return { type: 'Failed', reason: stop.reason, message: stop.message };
  const bad = results.filter(isFailure);
  const [first] = bad;
  if (!first) return { type: 'Complete', reason: 'GuestsSucceeded', message: succeededIn(results) };
  if (results.length === 1) {
    return { type: 'Failed', reason: first.reason ?? first.phase, message: first.message ?? first.phase };
  }
  const late = bad.some(({ reason }) => reason === 'DeadlineExceeded');
  const named = listed(bad.map(({ name, reason, phase }) => `${name} (${reason ?? phase})`));
  return {
    type: 'Failed',
    reason: late ? 'DeadlineExceeded' : 'GuestsFailed',
    message: `${bad.length} of ${results.length} guests failed: ${named}`,
  };
}

function succeededIn(results: readonly GuestResult[]): string {
  const ignored = results.filter((result) => result.ignored).length;
  if (ignored > 0) {
    const succeeded = results.length - ignored;
    return `the command succeeded in ${succeeded} of ${results.length} guests; failurePolicy ignores the other ${ignored}`;
  }
  return results.length === 1 ? 'the command succeeded' : `the command succeeded in all ${results.length} guests`;
}

export interface StatusInput {
  now: number;
  startTime: number | undefined;
  suspended: boolean;
  ended: JobEnd | undefined;
  /** Until when guests that can't be reached are waited for, in milliseconds since the epoch. */
  waitsUntil: number;
}

/** A job's status, from how each guest fares. */
export function jobStatus(
  job: GuestExecJob,
  results: readonly GuestResult[],
  tasks: readonly GuestTask[],
  input: StatusInput,
): GuestExecJobStatus {
  const { now, startTime, suspended, ended } = input;
  const isStarted = startedBy(tasks);
  const count = (test: (result: GuestResult) => boolean) => results.filter(test).length;
  const succeeded = count(({ phase }) => phase === 'Succeeded');
  const active = count((result) => !isOver(result) && isStarted(result));
  return {
    observedGeneration: job.metadata.generation ?? 0,
    phase: ended?.type ?? (suspended ? 'Suspended' : active > 0 ? 'Running' : 'Waiting'),
    ...(startTime !== undefined && { startTime: timestamp(startTime) }),
    ...(ended && { completionTime: timestamp(now) }),
    completions: `${succeeded}/${results.length}`,
    targets: results.length,
    waiting: count((result) => !isOver(result) && !isStarted(result)),
    active,
    succeeded,
    failed: count((result) => isFailure(result) && result.phase === 'Failed'),
    unknown: count((result) => isFailure(result) && result.phase === 'Unknown'),
    ignored: count((result) => result.ignored === true),
    skipped: count(({ phase }) => phase === 'Skipped'),
    guests: shownResults(results, tasks),
    conditions: jobConditions(job, results, isStarted, input),
  };
}

/** The guests that a status lists, worst first, with as much of their output as there is room for. */
function shownResults(results: readonly GuestResult[], tasks: readonly GuestTask[]): GuestResult[] {
  const worst = results.toSorted(worstFirst).slice(0, inlineGuests);
  const named = new Set(worst.map(({ taskName }) => taskName));
  const shown = new Map(
    tasks.filter(({ metadata }) => named.has(metadata.name)).map((task) => [task.metadata.name, task]),
  );
  const bytes = inlineOutputBytes(results.length);
  return worst.map((result) => withOutput(result, shown.get(result.taskName ?? ''), bytes));
}

/**
 * Tells whether an attempt is under way: its task has been made, and from then on an agent may start it at any moment.
 * Before a retry a result names the task of the last attempt.
 */
function startedBy(tasks: readonly GuestTask[]): (result: GuestResult) => boolean {
  const over = new Set(tasks.filter(isTaskOver).map(({ metadata }) => metadata.name));
  return ({ taskName }) => taskName !== undefined && !over.has(taskName);
}

function jobConditions(
  job: GuestExecJob,
  results: readonly GuestResult[],
  isStarted: (result: GuestResult) => boolean,
  input: StatusInput,
): Condition[] {
  const { now, suspended, ended } = input;
  const observedGeneration = job.metadata.generation ?? 0;
  let conditions = job.status?.conditions ?? [];
  const set = (condition: Pick<Condition, 'type' | 'status' | 'reason' | 'message'>) => {
    conditions = setCondition(conditions, { ...condition, observedGeneration }, now);
  };
  if (suspended) {
    set({
      type: 'Suspended',
      status: 'True',
      reason: 'JobSuspended',
      message: 'spec.suspend is true: nothing further is started',
    });
  } else if (conditions.some(({ type }) => type === 'Suspended')) {
    set({ type: 'Suspended', status: 'False', reason: 'JobResumed', message: '' });
  }
  if (ended) {
    if (ended.type === 'Failed')
      set({ type: 'Complete', status: 'False', reason: ended.reason, message: ended.message });
    set({ ...ended, status: 'True' });
  } else set({ type: 'Complete', status: 'False', ...progress(job, results, isStarted, input) });
  return conditions;
}

/** What a person wants to know while it is not over: what is it waiting for? */
function progress(
  job: GuestExecJob,
  results: readonly GuestResult[],
  isStarted: (result: GuestResult) => boolean,
  { suspended, waitsUntil }: StatusInput,
) {
  if (suspended) return { reason: 'JobSuspended', message: 'the job is suspended' };
  const until = Number.isFinite(waitsUntil) ? ` until ${timestamp(waitsUntil)}` : '';
  if (results.length === 0) {
    return {
      reason: 'NoGuestsMatched',
      message: `no Guest matches ${describeTarget(job.spec.target)} yet: waited for${until}`,
    };
  }
  const open = results.filter((result) => !isOver(result));
  const blocked = open.filter(
    (result) => result.reason !== undefined && result.reason !== 'Queued' && !isStarted(result),
  );
  if (blocked.length === 0 || open.length > blocked.length) {
    return { reason: 'Running', message: `${results.length - open.length} of ${results.length} guests are done` };
  }
  const [first] = blocked;
  const others = blocked.length > 1 ? `, and ${blocked.length - 1} more` : '';
  return { reason: first?.reason ?? 'Waiting', message: `${first?.message}${others}: waited for${until}` };
}

const order: Record<GuestResult['phase'], number> = {
  Failed: 0,
  Unknown: 1,
  Skipped: 2,
  Running: 3,
  Held: 3,
  Claimed: 4,
  Pending: 5,
  Succeeded: 6,
};

function worstFirst(a: GuestResult, b: GuestResult): number {
  return order[a.phase] - order[b.phase] || (a.name < b.name ? -1 : 1);
}
