import type { Guest, GuestExecJob, GuestTask } from '../api/resources.ts';
import type { GuestExecJobStatus, GuestResult } from '../api/schema/guest-exec-job.ts';
import { guestFull } from '../api/tasks.ts';
import { isTrue } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { dryRun } from './exec-job-dry-run.ts';
import { endOfJob, type JobEnd, jobStatus } from './exec-job-status.ts';
import { type Stop, stopOf } from './exec-job-stop.ts';
import { type Course, courseAfter, courseOf, courseWithout, notTriedAgain } from './guest-course.ts';
import { fateOf, missingGuest, resultWithoutTask } from './guest-fate.ts';
import { guestResultOf, isOver } from './guest-result.ts';
import { nextLook } from './instants.ts';
import { scaled } from './int-or-percent.ts';
import { deadlinesOf, startingDeadlineMs, startOf, ttlMs } from './job-deadlines.ts';
import { hostDown, type Obstacle } from './reachability.ts';
import { byName, nameOf } from './target.ts';
import { fateOfTask, type GivenUp, givenUpAt } from './task-fate.ts';
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
  /** What stands in the way of starting something in a guest beside what the guest itself says. */
  hindrance?(guest: Guest): Obstacle | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface Plan {
  /** Tasks to make; each has a name of its own, so making one twice makes it once. */
  create: GuestTask[];
  /** Tasks that are under way and no longer wanted. */
  release: GuestTask[];
  /** Tasks that no agent will end any more. */
  giveUp: GivenUp[];
  status: GuestExecJobStatus;
  /** How the job ended, when this is the plan that ends it. */
  ended?: JobEnd;
  deleteJob?: true;
  /** Look again after this many milliseconds even if nothing happens. */
  lookAgainMs?: number | undefined;
}

const nothingToDo = { create: [], release: [], giveUp: [] };

const defaultParallelism = 10;

const hostGone = 'nobody can tell how the command ended, or whether it ran';

/** A guest that has its turn before it: the first, or another one after a failure. */
interface Candidate {
  guest: Guest;
  attempt: number;
  /** Milliseconds since the epoch. */
  notBefore: number;
  shown: GuestResult;
  /** How its last attempt failed. */
  failed?: GuestResult;
}

/** What a job does next. */
export function planExecJob({ job, guests, tasks, hostExists, hindrance = unhindered, now }: Observed): Plan {
  const status = job.status ?? {};
  if (isTrue(status.conditions, 'Complete') || isTrue(status.conditions, 'Failed')) return afterTheEnd(job, now);
  if (job.spec.dryRun) return { ...nothingToDo, ...dryRun(job, guests, now), lookAgainMs: ttlMs(job) };

  const suspended = job.spec.suspend === true;
  const startTime = startOf(job, now);
  const deadlines = deadlinesOf(job, startTime);
  const { ending, endingSilent } = deadlines;
  const over = deadlines.active !== undefined && now >= deadlines.active;
  const turn = {
    suspended,
    over,
    now,
    patienceMs: startingDeadlineMs(job),
    action: { exec: job.spec.exec },
    hindrance,
  };

  const silent = new Set(guests.filter(hostDown).map(nameOf));
  const heard = new Set(guests.filter((guest) => !hostDown(guest)).map(nameOf));
  const { courses, candidates } = lineUp(job, guests, tasks);
  const targets = courses.length + candidates.length;
  const ready: Candidate[] = [];
  const pending: Candidate[] = [];
  const waits = [deadlines.starting];
  for (const candidate of candidates) {
    const { guest, shown, notBefore } = candidate;
    const since = Math.max(startTime ?? now, notBefore);
    const isEarly = now < notBefore && !over;
    const fate = isEarly ? { result: shown, until: since + turn.patienceMs } : fateOf(guest, shown, { ...turn, since });
    if (fate === 'start') ready.push(candidate);
    else if (isOver(fate.result)) courses.push(withoutTurn(job, candidate, fate.result));
    else pending.push({ ...candidate, shown: fate.result });
    if (fate !== 'start' && fate.until !== undefined) waits.push(fate.until);
  }

  const stop = stopOf(job, courses, targets);
  const create = stop ? [] : ready.slice(0, freeSlots(job, courses, silent, targets)).map(toTask);
  const results = [
    ...courses.map(({ result }) => result),
    ...(stop ? [...pending, ...ready].map((each) => leftOut(each, stop)) : pending.map(({ shown }) => shown)),
    ...(stop ? [] : ready.map((candidate, index) => startedOrQueued(candidate, create[index]))),
  ];
  const waitingIsOver = over || now >= deadlines.starting;
  if (results.length === 0 && job.spec.target.guestName !== undefined) results.push(missingGuest(job, waitingIsOver));

  const settled = results.map((result) =>
    now >= (silent.has(result.name) ? endingSilent : ending) ? abandoned(result) : result,
  );
  const ended = settled.length > 0 || waitingIsOver ? endOfJob(job, settled, stop) : undefined;
  const instants = [...waits, deadlines.active, endingSilent, ending, ...tasks.map(givenUpAt)];
  return {
    create,
    release: stop?.endsRunning ? tasks.filter((task) => !isOver(guestResultOf(task)) && !task.spec.release) : [],
    giveUp: tasks
      .filter((task) => !hasRoomLater(task))
      .map((task) => fateOfTask(task, hostExists, now, hostGone))
      .filter((each) => each !== undefined),
    status: jobStatus(job, settled, tasks, { now, startTime, suspended, ended, waitsUntil: Math.max(...waits) }),
    ...(ended && { ended }),
    lookAgainMs: ended ? ttlMs(job) : nextLook(now, [...instants, ...candidates.map(({ notBefore }) => notBefore)]),
  };

  /** Its agent is there, and takes it as soon as another command of the guest's ends. */
  function hasRoomLater(task: GuestTask): boolean {
    return task.status?.reason === guestFull && heard.has(task.spec.guestName);
  }

  function toTask({ guest, attempt }: Candidate): GuestTask {
    return taskFor(job, guest, {
      action: { exec: job.spec.exec },
      attempt,
      deadline: deadlines.active,
      startingDeadline: now + startingDeadlineMs(job),
    });
  }
}

/** Who is under way or done, and who has a turn before them, by name. */
function lineUp(job: GuestExecJob, guests: readonly Guest[], tasks: readonly GuestTask[]) {
  const attempts = Map.groupBy(tasks, ({ spec }) => spec.guestUID);
  const courses: Course[] = [];
  const candidates: Candidate[] = [];
  for (const guest of guests) {
    const tried = attempts.get(guest.status?.domain?.uuid);
    const course = tried && courseOf(job, tried);
    if (course && course.state !== 'retry') continue;
    candidates.push(
      course
        ? { guest, attempt: course.attempt, notBefore: course.at, shown: course.result, failed: course.failed }
        : { guest, attempt: 0, notBefore: 0, shown: resultWithoutTask(guest) },
    );
  }
  const again = new Set(candidates.map(({ guest }) => guest.status?.domain?.uuid));
  for (const [uuid, tried] of attempts) {
    if (again.has(uuid)) continue;
    const course = courseOf(job, tried);
    courses.push(course.state === 'retry' ? notTriedAgain(course.failed, goneFrom(course.failed)) : course);
  }
  return { courses, candidates: candidates.toSorted((a, b) => byName(a.guest, b.guest)) };
}

/** Why a guest has no further attempt that the job's target doesn't name any more. */
function goneFrom({ name }: GuestResult): string {
  return `guest ${name} is gone, or not among the job's targets any more`;
}

/** In how many further guests it may be started; what runs on a host that has fallen silent takes nobody's place. */
function freeSlots(
  job: GuestExecJob,
  courses: readonly Course[],
  silent: ReadonlySet<string>,
  targets: number,
): number {
  const busy = courses.filter(({ state, result }) => state === 'underWay' && !silent.has(result.name)).length;
  const atOnce = Math.max(1, scaled(job.spec.parallelism ?? defaultParallelism, targets));
  return Math.max(0, atOnce - busy);
}

function startedOrQueued({ shown }: Candidate, task: GuestTask | undefined): GuestResult {
  if (!task) return { ...shown, reason: 'Queued', message: 'waits for its turn: spec.parallelism' };
  const { name, node } = shown;
  const attempts = shown.attempts;
  return { name, ...(node && { node }), phase: 'Pending', attempts, taskName: task.metadata.name };
}

/** Where a job stands in a guest that is given no turn any more; `fate` says why. */
function withoutTurn({ spec }: GuestExecJob, { failed }: Candidate, fate: GuestResult): Course {
  return failed ? courseWithout(spec, failed, fate) : courseAfter(spec, fate);
}

function leftOut({ shown, failed }: Candidate, { message }: Stop): GuestResult {
  if (failed) return notTriedAgain(failed, message).result;
  return { ...shown, phase: 'Skipped', reason: 'JobFailed', message: `not started: ${message}` };
}

/** What a result becomes when even the agent that should have ended it in time is silent. */
function abandoned(result: GuestResult): GuestResult {
  if (isOver(result)) return result;
  const message = `host ${result.node} has not said how it ended by the end of activeDeadlineSeconds`;
  return { ...result, phase: 'Unknown', reason: 'DeadlineExceeded', message };
}

function afterTheEnd(job: GuestExecJob, now: number): Plan {
  const status = job.status as GuestExecJobStatus;
  const plan: Plan = { ...nothingToDo, status };
  const ttl = ttlMs(job);
  if (ttl === undefined) return plan;
  const left = Date.parse(status.completionTime ?? timestamp(now)) + ttl - now;
  return left <= 0 ? { ...plan, deleteJob: true } : { ...plan, lookAgainMs: left };
}

function unhindered(): undefined {}
