import type { Guest, GuestExecJob, GuestTask } from '../api/resources.ts';
import type { GuestExecJobStatus, GuestResult } from '../api/schema/guest-exec-job.ts';
import { isTrue } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { endOfJob, isOver, type JobEnd, jobStatus } from './exec-job-status.ts';
import { guestResultOf } from './guest-result.ts';
import { describeTarget } from './job-target.ts';
import { obstacle } from './reachability.ts';
import { taskFor } from './task-template.ts';

/** All that decides what a job does next. */
export interface Observed {
  job: GuestExecJob;
  /** The guests the job's target names now. */
  guests: readonly Guest[];
  /** The tasks made for the job. */
  tasks: readonly GuestTask[];
  /** Whether there is a GuestHost of this name: somebody who deletes it says that it won't come back. */
  hostExists(node: string): boolean;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface GivenUp {
  task: GuestTask;
  phase: 'Failed' | 'Unknown';
  reason: 'Undeliverable' | 'HostGone';
  message: string;
}

export interface Plan {
  /** Tasks to make; each has a name of its own, so making one twice makes it once. */
  create: GuestTask[];
  /** Tasks that no agent will end any more. */
  giveUp: GivenUp[];
  status: GuestExecJobStatus;
  /** How the job ended, when this is the plan that ends it. */
  ended?: JobEnd;
  deleteJob?: true;
  /** Look again after this many milliseconds even if nothing happens. */
  lookAgainMs?: number | undefined;
}

const defaultStartingDeadlineSeconds = 60;
const defaultParallelism = 10;

/** An agent ends its own tasks in time; only for one that is gone does the manager do it, this much later. */
export const graceMs = 10_000;

/** What a job does next. */
export function planExecJob({ job, guests, tasks, hostExists, now }: Observed): Plan {
  const status = job.status ?? {};
  if (isTrue(status.conditions, 'Complete') || isTrue(status.conditions, 'Failed')) return afterTheEnd(job, now);

  const suspended = job.spec.suspend === true;
  const startTime = startOf(job, now);
  const deadlines = deadlinesOf(job, startTime);
  const over = deadlines.active !== undefined && now >= deadlines.active;

  const results = tasks.map(guestResultOf);
  const taken = new Set(tasks.map((task) => task.spec.guestUID));
  const create: GuestTask[] = [];
  // What runs on a host that has fallen silent takes nobody's place.
  const silent = new Set(guests.filter((guest) => obstacle(guest)?.reason === 'HostDown').map(nameOf));
  const busy = results.filter((result) => !isOver(result) && !silent.has(result.name)).length;
  let slots = (job.spec.parallelism ?? defaultParallelism) - busy;

  for (const guest of guests.toSorted(byName)) {
    if (taken.has(guest.status?.domain?.uuid)) continue;
    const fate = fateOf(guest, { suspended, over, now, startingDeadline: deadlines.starting });
    if (fate !== 'start') results.push(fate);
    else if (slots-- > 0) {
      const task = taskFor(job, guest, {
        action: { exec: job.spec.exec },
        attempt: 0,
        deadline: deadlines.active,
        startingDeadline: now + startingDeadlineMs(job),
      });
      create.push(task);
      results.push({ ...resultWithoutTask(guest), taskName: task.metadata.name });
    } else
      results.push({ ...resultWithoutTask(guest), reason: 'Queued', message: 'waits for its turn: spec.parallelism' });
  }
  const waitingIsOver = over || now >= deadlines.starting;
  if (results.length === 0 && job.spec.target.guestName !== undefined) results.push(missingGuest(job, waitingIsOver));

  const settled =
    deadlines.active !== undefined && now >= deadlines.active + graceMs ? results.map(abandoned) : results;
  const ended = settled.length > 0 || waitingIsOver ? endOfJob(job, settled) : undefined;
  const instants = [deadlines.starting, deadlines.active, ...tasks.map(givenUpAt)];
  if (deadlines.active !== undefined) instants.push(deadlines.active + graceMs);
  return {
    create,
    giveUp: tasks.map((task) => fateOfTask(task, hostExists, now)).filter((each) => each !== undefined),
    status: jobStatus(job, settled, tasks, { now, startTime, suspended, ended, waitsUntil: deadlines.starting }),
    ...(ended && { ended }),
    lookAgainMs: ended ? ttlMs(job) : nextLook(now, instants),
  };
}

/** What a result becomes when even the agent that should have ended it in time is silent. */
function abandoned(result: GuestResult): GuestResult {
  if (isOver(result)) return result;
  const message = `host ${result.node} has not said how it ended by the end of activeDeadlineSeconds`;
  return { ...result, phase: 'Unknown', reason: 'DeadlineExceeded', message };
}

function afterTheEnd(job: GuestExecJob, now: number): Plan {
  const status = job.status as GuestExecJobStatus;
  const plan: Plan = { create: [], giveUp: [], status };
  const ttl = ttlMs(job);
  if (ttl === undefined) return plan;
  const left = Date.parse(status.completionTime ?? timestamp(now)) + ttl - now;
  return left <= 0 ? { ...plan, deleteJob: true } : { ...plan, lookAgainMs: left };
}

/**
 * When the job's clocks start; while it is suspended none runs, and they start anew when it is let go, as a Job's do. A
 * job that was never suspended starts with its creation, so that a manager that died before it wrote anything changes
 * nothing.
 */
function startOf(job: GuestExecJob, now: number): number | undefined {
  const { status, spec, metadata } = job;
  if (spec.suspend) return undefined;
  if (isTrue(status?.conditions, 'Suspended')) return now;
  return Date.parse(status?.startTime ?? metadata.creationTimestamp ?? timestamp(now));
}

interface Deadlines {
  /** Until when missing, silent or stopped guests are waited for. */
  starting: number;
  /** Until when the job may take. */
  active: number | undefined;
}

function deadlinesOf(job: GuestExecJob, startTime: number | undefined): Deadlines {
  if (startTime === undefined) return { starting: Number.POSITIVE_INFINITY, active: undefined };
  const { activeDeadlineSeconds } = job.spec;
  return {
    starting: startTime + startingDeadlineMs(job),
    active: activeDeadlineSeconds === undefined ? undefined : startTime + inMs(activeDeadlineSeconds),
  };
}

function startingDeadlineMs(job: GuestExecJob): number {
  return inMs(job.spec.startingDeadlineSeconds ?? defaultStartingDeadlineSeconds);
}

/** Kubernetes' timestamps are cut to whole seconds: a second more keeps a deadline from coming early. */
function inMs(seconds: number): number {
  return (seconds + 1) * 1000;
}

function ttlMs(job: GuestExecJob): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  return ttlSecondsAfterFinished === undefined ? undefined : ttlSecondsAfterFinished * 1000;
}

interface FateInput {
  suspended: boolean;
  over: boolean;
  now: number;
  startingDeadline: number;
}

/** What becomes of a guest without a task: it is started, or it waits or is given up, as its result then says. */
function fateOf(guest: Guest, { suspended, over, now, startingDeadline }: FateInput): 'start' | GuestResult {
  const waiting = resultWithoutTask(guest);
  if (over)
    return {
      ...waiting,
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'activeDeadlineSeconds was over before its turn came',
    };
  if (suspended) return { ...waiting, reason: 'JobSuspended', message: 'the job is suspended' };
  const blocked = obstacle(guest);
  if (blocked?.permanent) return { ...waiting, phase: 'Failed', reason: blocked.reason, message: blocked.message };
  if (blocked && now >= startingDeadline)
    return { ...waiting, phase: 'Failed', reason: 'Undeliverable', message: blocked.message };
  return blocked ? { ...waiting, reason: blocked.reason, message: blocked.message } : 'start';
}

function resultWithoutTask(guest: Guest): GuestResult {
  const node = guest.status?.node;
  return { name: guest.metadata.name, phase: 'Pending', attempts: 0, ...(node && { node }) };
}

function missingGuest(job: GuestExecJob, givenUp: boolean): GuestResult {
  const message = `there is no ${describeTarget(job.spec.target)} in namespace ${job.metadata.namespace}: see kubectl get guests -A`;
  return {
    name: job.spec.target.guestName as string,
    phase: givenUp ? 'Failed' : 'Pending',
    reason: 'GuestNotFound',
    message,
    attempts: 0,
  };
}

/** Undefined while its agent may still end it. */
function fateOfTask(task: GuestTask, hostExists: (node: string) => boolean, now: number): GivenUp | undefined {
  if (isOver(guestResultOf(task))) return undefined;
  const node = task.spec.nodeName ?? '';
  if (task.status?.claim && !hostExists(node)) {
    const message = `host ${node} is gone, its GuestHost was deleted: nobody can tell how the command ended, or whether it ran`;
    return { task, phase: 'Unknown', reason: 'HostGone', message };
  }
  const at = givenUpAt(task);
  if (at === undefined || now < at) return undefined;
  return {
    task,
    phase: 'Failed',
    reason: 'Undeliverable',
    message: `the agent of host ${node} did not take the task in time`,
  };
}

/** Undefined once an agent has claimed it: from then on only that agent's node knows. */
function givenUpAt({ spec, status }: GuestTask): number | undefined {
  if (status?.claim || (status?.phase && status.phase !== 'Pending')) return undefined;
  const ends = [spec.startingDeadline, spec.deadline].filter((end) => end !== undefined).map(Date.parse);
  return ends.length > 0 ? Math.min(...ends) + graceMs : undefined;
}

function nextLook(now: number, instants: (number | undefined)[]): number | undefined {
  const ahead = instants.filter((at): at is number => at !== undefined && Number.isFinite(at) && at > now);
  return ahead.length > 0 ? Math.min(...ahead) - now : undefined;
}

function nameOf({ metadata }: Guest): string {
  return metadata.name;
}

function byName(a: Guest, b: Guest): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
