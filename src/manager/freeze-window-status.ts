import type { FsFreezeWindow, GuestTask } from '../api/resources.ts';
import type {
  FreezeGuestResult,
  FsFreezeWindowStatus,
  SnapshotResult,
  WindowEnd,
} from '../api/schema/fs-freeze-window.ts';
import { isOverPhase, isTaskOver } from '../api/tasks.ts';
import { isTrue } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { owesThaw } from './freeze-task.ts';
import { thawOwedConditions, windowConditions } from './freeze-window-conditions.ts';
import { tenths, type WindowFinish } from './freeze-window-finish.ts';
import type { Member } from './freeze-window-members.ts';
import { type Course, firstFrozen, latest, type WindowFailure } from './freeze-window-outcome.ts';
import { inlineGuests } from './guest-result.ts';
import { isTaken } from './task-fate.ts';

export interface WindowStatusInput {
  window: FsFreezeWindow;
  course: Course;
  failure: WindowFailure | undefined;
  ending: WindowEnd | undefined;
  ended: WindowFinish | undefined;
  /** Guests whose host never said that they are thawed. */
  silent: readonly string[];
  tasks: readonly GuestTask[];
  snapshots: readonly SnapshotResult[] | undefined;
  /** Milliseconds since the epoch. */
  startingDeadline: number;
  now: number;
}

/** A window's status, from how each guest fares. */
export function windowStatus(input: WindowStatusInput): FsFreezeWindowStatus {
  const { window, course, failure, ending, ended, tasks, snapshots, now } = input;
  const { metadata } = window;
  const results = course.members.map((member) => shownResult(window, member));
  const count = (test: (result: FreezeGuestResult) => boolean) => results.filter(test).length;
  const frozen = count(({ frozenAt }) => frozenAt !== undefined);
  return {
    observedGeneration: metadata.generation ?? 0,
    phase: ended?.phase ?? phaseOf(course, ending, tasks),
    startTime: metadata.creationTimestamp ?? timestamp(now),
    ...togetherness(window, course),
    ...(ended && { completionTime: timestamp(now), verdict: ended.verdict }),
    ...(ended?.frozenSeconds !== undefined && { frozenFor: `${tenths(ended.frozenSeconds)}s` }),
    ...(ending && { endedBy: ending }),
    ...failureReason(failure, ended),
    guestsFrozen: `${frozen}/${results.length}`,
    targets: results.length,
    prepared: course.members.filter(({ standing }) => standing === 'prepared').length,
    frozen,
    failed: count(({ phase }) => phase === 'Failed' || phase === 'Unknown'),
    skipped: count(({ phase }) => phase === 'Skipped'),
    guests: results.toSorted(worstFirst).slice(0, inlineGuests),
    ...(snapshots && { volumeSnapshots: snapshots.map(shownSnapshot) }),
    conditions: windowConditions(input, owedGuests(input.tasks, input.silent)),
  };
}

/** What may still change once a window is over: whether a thaw is owed. */
export function statusAfterEnd(window: FsFreezeWindow, tasks: readonly GuestTask[], now: number): FsFreezeWindowStatus {
  const silent = tasks.filter((task) => isTaken(task) && !isTaskOver(task));
  const owed = owedGuests(
    tasks,
    silent.map(({ spec }) => spec.guestName),
  );
  const { status = {} } = window;
  return { ...status, conditions: thawOwedConditions(window, status.conditions ?? [], owed, now) };
}

/** Whether somebody may wait for just this change, or must know it after this process. */
export function isTurningPoint(before: FsFreezeWindowStatus | undefined, after: FsFreezeWindowStatus): boolean {
  const keys = ['phase', 'endedBy', 'failureReason', 'frozenAt', 'completionTime', 'skipped'] as const;
  if (keys.some((key) => before?.[key] !== after[key])) return true;
  return isTrue(before?.conditions, 'ThawOwed') !== isTrue(after.conditions, 'ThawOwed');
}

function owedGuests(tasks: readonly GuestTask[], silent: readonly string[]): string[] {
  const owed = tasks.filter(owesThaw);
  return [...new Set([...owed.map(({ spec }) => spec.guestName), ...silent])].toSorted();
}

function phaseOf(
  { wasFrozen }: Course,
  ending: WindowEnd | undefined,
  tasks: readonly GuestTask[],
): FsFreezeWindowStatus['phase'] {
  if (ending !== undefined) return 'Thawing';
  if (wasFrozen) return 'Frozen';
  return tasks.length > 0 ? 'Preparing' : 'Pending';
}

function failureReason(failure: WindowFailure | undefined, ended: WindowFinish | undefined) {
  const reason = failure?.reason ?? (ended?.phase === 'Failed' ? ended.reason : undefined);
  return reason === undefined ? {} : { failureReason: reason };
}

/** From when to when all were frozen. */
function togetherness(
  { status }: FsFreezeWindow,
  { inside, wasFrozen }: Course,
): Pick<FsFreezeWindowStatus, 'frozenAt' | 'thawedAt' | 'skewMilliseconds'> {
  if (!wasFrozen) return {};
  const frozenAt = status?.frozenAt ?? lastOf(inside, 'frozenAt');
  const thawed = inside.every(({ standing }) => standing === 'thawed');
  const thawedAt = thawed ? lastOf(inside, 'thawedAt') : undefined;
  const skew = latest(inside, 'frozenAt') - firstFrozen(inside);
  return {
    ...(frozenAt && { frozenAt }),
    ...(thawedAt && { thawedAt }),
    ...(Number.isFinite(skew) && { skewMilliseconds: skew }),
  };
}

function lastOf(members: readonly Member[], field: 'frozenAt' | 'thawedAt'): string | undefined {
  const last = latest(members, field);
  return members.map(({ result }) => result[field]).find((at) => at !== undefined && Date.parse(at) === last);
}

/** A guest that can't be frozen, as the window's policy sees it. */
function shownResult({ spec }: FsFreezeWindow, { standing, result, task }: Member): FreezeGuestResult {
  if (standing !== 'out' || result.phase === 'Skipped' || result.reason === 'Released') return result;
  if (spec.policy === 'Required' || task?.spec.freezeAt !== undefined) {
    return isOverPhase(result.phase) ? result : { ...result, phase: 'Failed' };
  }
  return { ...result, phase: 'Skipped', verdict: spec.policy === 'BestEffort' ? 'CrashConsistent' : 'Skipped' };
}

function shownSnapshot(snapshot: SnapshotResult): SnapshotResult {
  const { name, persistentVolumeClaimName, creationTime, message, error } = snapshot;
  return {
    name,
    persistentVolumeClaimName,
    ...(creationTime && { creationTime }),
    ...(message && { message }),
    ...(error && { error }),
  };
}

function rank({ phase, reason }: FreezeGuestResult): number {
  if (reason === 'Released') return 4;
  const order: Partial<Record<FreezeGuestResult['phase'], number>> = {
    Failed: 0,
    Unknown: 1,
    Skipped: 2,
    Succeeded: 5,
  };
  return order[phase] ?? 3;
}

function worstFirst(a: FreezeGuestResult, b: FreezeGuestResult): number {
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}
