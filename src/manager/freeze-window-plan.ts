import { type FsFreezeWindow, type Guest, type GuestTask, thawFinalizer } from '../api/resources.ts';
import type { FsFreezeWindowStatus, WindowEnd } from '../api/schema/fs-freeze-window.ts';
import { isTaskOver } from '../api/tasks.ts';
import type { VolumeSnapshot } from '../kube/volume-snapshots.ts';
import { microTimestamp } from '../seams/clock.ts';
import {
  abandonedAt,
  barrierOf,
  freezeTaskFor,
  hasBarrier,
  latestBarrierMs,
  startingDeadlineOf,
} from './freeze-task.ts';
import { finishOf, type WindowFinish } from './freeze-window-finish.ts';
import { type MembersInput, membersOf } from './freeze-window-members.ts';
import { type Course, courseOf, decidedFailure, failureOf, isGroup } from './freeze-window-outcome.ts';
import { judgedSnapshots } from './freeze-window-snapshot-worth.ts';
import { isGood, type SnapshotState, snapshotsOf } from './freeze-window-snapshots.ts';
import { statusAfterEnd, windowStatus } from './freeze-window-status.ts';
import { nextLook } from './instants.ts';
import { fateOfTask, type GivenUp, givenUpAt, isTaken } from './task-fate.ts';

/** All that decides what a window does next. */
export interface WindowObserved {
  window: FsFreezeWindow;
  /** The guests the window's target names now. */
  guests: readonly Guest[];
  /** The tasks made for the window. */
  tasks: readonly GuestTask[];
  earlierWindow: MembersInput['earlierWindow'];
  hostExists(node: string): boolean;
  /** How the window's VolumeSnapshots fare; undefined where it takes none, and while none could be taken. */
  snapshots?: readonly SnapshotState[] | undefined;
  /** Whether the cluster knows VolumeSnapshots at all. */
  snapshotsServed: boolean;
  /** How far ahead the common instant must be, so that every agent hears of it in time. */
  leadMs: number;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface WindowPlan {
  /** Let these go: first of all. */
  release: GuestTask[];
  /** Tell these the instant at which all freeze. */
  freeze: { tasks: GuestTask[]; at: string } | undefined;
  /** Tasks that no agent will end any more, and those that none has begun and that are not wanted. */
  giveUp: GivenUp[];
  /** Tasks to make, once the window has its finalizer. */
  create: GuestTask[];
  snapshots: VolumeSnapshot[];
  status: FsFreezeWindowStatus;
  /** How the window ended, when this is the plan that ends it. */
  ended?: WindowFinish | undefined;
  /** Its snapshots are to be labelled before the window may go; `Try`: nobody waits for that any longer. */
  mark?: 'Insist' | 'Try' | undefined;
  /** No guest is frozen by it, and none will be. */
  dropFinalizer?: boolean;
  deleteWindow?: boolean;
  lookAgainMs?: number | undefined;
}

/** VolumeSnapshots are looked at this often while guests are frozen for them. */
const snapshotPollMs = 250;

/** So long a window that is deleted stays for the sake of its snapshots' labels. */
const markDeletedMs = 60_000;

/** While a task is under way its window is looked at this often though nothing happens: a host may be gone for good. */
const resyncMs = 60_000;

const hostGone = 'nobody can tell whether its guest is still frozen';

/** What a window without a schedule does next. */
export function planFreezeWindow(observed: WindowObserved): WindowPlan {
  const { window, tasks, now } = observed;
  const { status = {} } = window;
  if (status.completionTime !== undefined) return afterTheEnd(observed);

  const startingDeadline = startingDeadlineOf(window);
  const late = now >= startingDeadline;
  const barrier = barrierOf(tasks);
  const asked = askedToEnd(window);
  const closed = asked ?? status.endedBy ?? status.failureReason ?? status.frozenAt ?? barrier;
  const intake = closed !== undefined ? 'closed' : late ? 'late' : 'open';
  const course = courseOf(window, membersOf({ ...observed, intake }));

  const seen = observed.snapshots ?? status.volumeSnapshots;
  const snapshots = seen && judgedSnapshots(seen, { window, inside: course.inside, now });
  const wanted = status.endedBy ?? asked ?? endOfItself(course, snapshots);
  const tooLateToFreeze = hasBarrier(window) && barrier === undefined && now >= startingDeadline + latestBarrierMs;
  const failure =
    decidedFailure(window) ?? failureOf({ ...observed, snapshots, course, late, tooLateToFreeze, ending: wanted });

  const open = tasks.filter((task) => !isTaskOver(task));
  const abandoned = open.filter((task) => now >= (abandonedAt(task) ?? Number.POSITIVE_INFINITY));
  const allOver = abandoned.length === open.length;
  const nothingHeld = course.wasFrozen && course.inside.every(({ standing }) => standing === 'thawed');
  const silent = abandoned.map(({ spec }) => spec.guestName);
  const failsAsAWhole = failure !== undefined && (standsOrFallsTogether(window) || !course.wasFrozen);
  const isHopeless = allOver && silent.length > 0;
  const ending = wanted ?? (failsAsAWhole || isHopeless ? 'Failure' : undefined);
  const goesOn = ending === undefined && failure === undefined;
  const ended =
    allOver && (ending !== undefined || nothingHeld)
      ? finishOf({ window, course, failure, ending, silent, snapshots })
      : undefined;

  const { release, cancel } = letGo(tasks, course, ending !== undefined);
  return {
    release,
    freeze: goesOn ? namedInstant(observed, course, barrier) : undefined,
    giveUp: [...fates(observed), ...cancel],
    create: goesOn ? tasksToMake(window, course, startingDeadline) : [],
    snapshots: goesOn ? snapshotsToTake(observed) : [],
    status: windowStatus({ window, course, failure, ending, ended, silent, startingDeadline, now, tasks, snapshots }),
    ended,
    lookAgainMs: ended ? ttlMs(window) : nextLook(now, instantsOf(observed, startingDeadline, goesOn)),
  };
}

function askedToEnd({ metadata, spec }: FsFreezeWindow): WindowEnd | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'Deletion';
  return spec.release ? 'Release' : undefined;
}

/** Guests frozen each on its own stay so without one of them, but for snapshots all of which have to be cut while all are. */
function standsOrFallsTogether(window: FsFreezeWindow): boolean {
  return isGroup(window) || window.spec.volumeSnapshots !== undefined;
}

/** What ends a window in which all are frozen, if nobody does. */
function endOfItself(course: Course, snapshots: readonly SnapshotState[] | undefined): WindowEnd | undefined {
  if (!course.wasFrozen) return undefined;
  if (snapshots?.every(isGood)) return 'Snapshots';
  return course.inside.some(({ result }) => result.endedBy === 'Deadline') ? 'Deadline' : undefined;
}

/** In a group in which every guest must take part none is asked before all can be: hooks would run in vain. */
function tasksToMake(window: FsFreezeWindow, { members }: Course, startingDeadline: number): GuestTask[] {
  const allTogether = isGroup(window) && window.spec.policy === 'Required';
  if (allTogether && members.some(({ standing }) => standing === 'waiting')) return [];
  return members
    .map(({ guest }) => guest)
    .filter((guest) => guest !== undefined)
    .map((guest) => freezeTaskFor(window, guest, startingDeadline));
}

/** The instant at which all freeze, for those who don't know it yet; it is named once, when all are prepared. */
function namedInstant(
  { window, leadMs, now }: WindowObserved,
  { inside }: Course,
  barrier: string | undefined,
): WindowPlan['freeze'] {
  if (!hasBarrier(window) || inside.length === 0) return undefined;
  if (barrier === undefined && !inside.every(({ standing }) => standing === 'prepared')) return undefined;
  const tasks = inside
    .filter(({ standing, task }) => standing === 'prepared' && task?.spec.freezeAt === undefined)
    .map(({ task }) => task as GuestTask);
  return tasks.length > 0 ? { tasks, at: barrier ?? microTimestamp(now + leadMs) } : undefined;
}

/** Taken only once the status says that all are frozen: who comes after this process must know it. */
function snapshotsToTake({ window, snapshots }: WindowObserved): VolumeSnapshot[] {
  if (window.status?.frozenAt === undefined) return [];
  const missing = new Set(snapshots?.filter((each) => each.missing).map(({ name }) => name));
  return snapshotsOf(window).filter(({ metadata }) => missing.has(metadata.name));
}

/** Those that no longer have to do with it: their agents are told, and what no agent has begun is over at once. */
function letGo(tasks: readonly GuestTask[], course: Course | undefined, all: boolean) {
  const out = new Map(course?.out.map(({ result }) => [result.taskName, result]));
  const unwanted = tasks.filter((task) => !isTaskOver(task) && (all || out.has(task.metadata.name)));
  const cancel = unwanted
    .filter((task) => !isTaken(task) && task.metadata.resourceVersion !== undefined)
    .map((task): GivenUp => {
      const { reason = 'Released', message = 'let go before it was frozen' } = out.get(task.metadata.name) ?? {};
      return { task, phase: 'Failed', reason, message };
    });
  return { release: unwanted.filter((task) => isTaken(task) && !task.spec.release), cancel };
}

function fates({ tasks, hostExists, now }: WindowObserved): GivenUp[] {
  return tasks.map((task) => fateOfTask(task, hostExists, now, hostGone)).filter((each) => each !== undefined);
}

function instantsOf(
  { tasks, snapshots, now }: WindowObserved,
  startingDeadline: number,
  goesOn: boolean,
): (number | undefined)[] {
  const open = tasks.filter((task) => !isTaskOver(task));
  return [
    startingDeadline,
    startingDeadline + latestBarrierMs,
    ...open.flatMap((task) => [givenUpAt(task), abandonedAt(task)]),
    snapshots && goesOn ? now + snapshotPollMs : undefined,
    open.length > 0 ? now + resyncMs : undefined,
  ];
}

function ttlMs({ spec }: FsFreezeWindow): number | undefined {
  return spec.ttlSecondsAfterFinished === undefined ? undefined : spec.ttlSecondsAfterFinished * 1000;
}

/** The window is over; its guests may still be owed a thaw. */
function afterTheEnd(observed: WindowObserved): WindowPlan {
  const { window, tasks, now } = observed;
  const allOver = tasks.every(isTaskOver);
  const ttl = ttlMs(window);
  const leftMs =
    ttl === undefined ? undefined : Math.max(0, Date.parse(window.status?.completionTime ?? '') + ttl - now);
  const { release, cancel } = letGo(tasks, undefined, true);
  const isHeld = window.metadata.finalizers?.includes(thawFinalizer) === true;
  return {
    release,
    freeze: undefined,
    giveUp: [...fates(observed), ...cancel],
    create: [],
    snapshots: [],
    status: statusAfterEnd(window, tasks, now),
    mark: isHeld ? marking(observed) : undefined,
    dropFinalizer: allOver && isHeld,
    deleteWindow: allOver && leftMs === 0 && window.metadata.deletionTimestamp === undefined,
    lookAgainMs: allOver ? leftMs : resyncMs,
  };
}

/** Its finalizer says that it is not done yet, to a manager that comes later, too. */
function marking({ window, now }: WindowObserved): WindowPlan['mark'] {
  const { metadata, status } = window;
  if (!status?.volumeSnapshots?.some(({ creationTime }) => creationTime !== undefined)) return undefined;
  const isAwaited =
    metadata.deletionTimestamp === undefined || now < Date.parse(status.completionTime ?? '') + markDeletedMs;
  return isAwaited ? 'Insist' : 'Try';
}
