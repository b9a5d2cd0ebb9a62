import { apiVersion, type FsFreezeWindow, ownerUidLabel, scheduledAtAnnotation } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { FsFreezeWindowSpec, FsFreezeWindowStatus } from '../api/schema/fs-freeze-window.ts';
import { findCondition, isTrue, setCondition } from '../kube/conditions.ts';
import { controllerOf, uidOf } from '../kube/objects.ts';
import { timestamp } from '../seams/clock.ts';
import { type CronSchedule, InvalidSchedule, parseCron } from './cron-schedule.ts';
import { cut } from './task-template.ts';

/** All that decides what a schedule does next. */
export interface ScheduleObserved {
  window: FsFreezeWindow;
  /** The windows it made. */
  made: readonly FsFreezeWindow[];
  /** Milliseconds since the epoch. */
  now: number;
}

export interface SchedulePlan {
  /** A window to make; its name is of its instant, so that making it twice makes it once. */
  create: FsFreezeWindow | undefined;
  /** Receipts beyond the history's limits. */
  delete: FsFreezeWindow[];
  status: FsFreezeWindowStatus;
  /** An instant for which no window was made, told for the first time. */
  missed: { at: number; why: string } | undefined;
  lookAgainMs?: number | undefined;
}

const defaultHistoryLimit = 3;

/** An edit is seen at most this long after it was made, unless no manager was there. */
const editSeenWithinMs = 10_000;

/** What a window with a schedule does next. */
export function planSchedule(observed: ScheduleObserved): SchedulePlan {
  const { window, now } = observed;
  try {
    return planValidSchedule(observed, parseCron(window.spec.schedule as string, window.spec.timeZone));
  } catch (error) {
    if (!(error instanceof InvalidSchedule)) throw error;
    const { nextScheduleTime: _, ...status } = window.status ?? {};
    const said = { reason: 'InvalidSchedule', message: error.message };
    return {
      create: undefined,
      delete: [],
      missed: undefined,
      status: {
        ...status,
        observedGeneration: window.metadata.generation ?? 0,
        phase: 'Failed',
        failureReason: 'InvalidSchedule',
        observedSchedule: observedSchedule(window, now),
        conditions: scheduleConditions(window, now, {
          Scheduled: { status: 'False', ...said },
          Failed: { status: 'True', ...said },
        }),
      },
    };
  }
}

function planValidSchedule({ window, made, now }: ScheduleObserved, schedule: CronSchedule): SchedulePlan {
  const { spec } = window;
  const { failureReason: _, nextScheduleTime: __, ...before } = window.status ?? {};
  const active = made.filter((each) => !isFinished(each));
  const due = spec.suspend ? undefined : dueInstant(window, made, schedule, now);
  const lastStart = due === undefined ? undefined : due + spec.startingDeadlineSeconds * 1000;
  const blocked = active.length > 0 && spec.concurrencyPolicy !== 'Allow';
  const isLate = lastStart !== undefined && now > lastStart;
  const starts = due !== undefined && !isLate && !blocked;
  const missed = due !== undefined && isLate ? { at: due, why: whyMissed(active) } : undefined;
  const next = spec.suspend ? undefined : schedule.next(now);
  const create = starts ? windowOf(window, due) : undefined;
  const names = [...active.map(({ metadata }) => metadata.name), ...(create ? [create.metadata.name] : [])];
  const newest = newestFirst(made.filter(isFinished))[0];
  return {
    create,
    delete: beyondHistory(window, made),
    missed,
    status: {
      ...before,
      observedGeneration: window.metadata.generation ?? 0,
      phase: spec.suspend ? 'Suspended' : 'Scheduled',
      observedSchedule: observedSchedule(window, now),
      active: [...new Set(names)].slice(0, 100),
      ...(newest?.status?.verdict && { verdict: newest.status.verdict }),
      ...(starts && { lastScheduleTime: timestamp(due) }),
      ...(missed && { lastMissedTime: timestamp(missed.at) }),
      ...lastSuccess(made, before),
      ...(next !== undefined && { nextScheduleTime: timestamp(next) }),
      conditions: scheduleConditions(window, now, { Scheduled: scheduledSaid(window, next, active, missed) }),
    },
    ...(next !== undefined && {
      lookAgainMs: Math.min(next, blocked && due !== undefined ? (lastStart ?? next) + 1 : next) - now,
    }),
  };
}

/** The schedule, and since when it is so: what another one would have come to before nobody has missed. */
function observedSchedule({ metadata, spec, status }: FsFreezeWindow, now: number) {
  const { schedule = '', timeZone = 'UTC' } = spec;
  const before = status?.observedSchedule;
  if (!before) return { schedule, timeZone, since: metadata.creationTimestamp ?? timestamp(now) };
  if (before.schedule === schedule && before.timeZone === timeZone) return before;
  const seenWithinMs = Math.min(editSeenWithinMs, spec.startingDeadlineSeconds * 1000);
  return { schedule, timeZone, since: timestamp(now - seenWithinMs) };
}

/** The last instant for which neither a window was made nor the miss of one was told. */
function dueInstant(
  window: FsFreezeWindow,
  made: readonly FsFreezeWindow[],
  schedule: CronSchedule,
  now: number,
): number | undefined {
  const { status } = window;
  const latest = schedule.latest(now);
  const suspended = findCondition(status?.conditions, 'Suspended');
  // Just let go: what came meanwhile was not wanted.
  if (suspended?.status === 'True') return undefined;
  const handled = [
    observedSchedule(window, now).since,
    status?.lastScheduleTime,
    status?.lastMissedTime,
    suspended?.lastTransitionTime,
  ].map((at) => (at === undefined ? 0 : Date.parse(at)));
  const last = Math.max(...handled, ...made.map(instantOf));
  return latest !== undefined && latest > last ? latest : undefined;
}

function whyMissed(active: readonly FsFreezeWindow[]): string {
  const [earlier] = active;
  return earlier
    ? `window ${earlier.metadata.name} was not over within startingDeadlineSeconds`
    : 'no manager was there within startingDeadlineSeconds';
}

/** The window of one instant: what its schedule says, once. */
function windowOf(window: FsFreezeWindow, instant: number): FsFreezeWindow {
  const { metadata } = window;
  const minute = timestamp(instant).replace(/\D/g, '').slice(0, 12);
  return {
    apiVersion,
    kind: 'FsFreezeWindow',
    metadata: {
      name: `${cut(metadata.name, 200)}-${minute}`,
      namespace: metadata.namespace as string,
      labels: { [ownerUidLabel]: uidOf(window) },
      annotations: { [scheduledAtAnnotation]: timestamp(instant) },
      ownerReferences: [controllerOf(window)],
    },
    spec: onceOf(window.spec),
  };
}

function onceOf(spec: FsFreezeWindowSpec): FsFreezeWindowSpec {
  const {
    schedule: _schedule,
    timeZone: _timeZone,
    concurrencyPolicy: _concurrencyPolicy,
    suspend: _suspend,
    successfulWindowsHistoryLimit: _successful,
    failedWindowsHistoryLimit: _failed,
    ...once
  } = spec;
  return once;
}

/** Of a window made by a schedule, in milliseconds since the epoch. */
function instantOf({ metadata }: FsFreezeWindow): number {
  return Date.parse(metadata.annotations?.[scheduledAtAnnotation] ?? '') || 0;
}

function newestFirst(windows: readonly FsFreezeWindow[]): FsFreezeWindow[] {
  return windows.toSorted((a, b) => instantOf(b) - instantOf(a));
}

/** One that owes a thaw stays, whatever the limits. */
function beyondHistory({ spec }: FsFreezeWindow, made: readonly FsFreezeWindow[]): FsFreezeWindow[] {
  const finished = newestFirst(made.filter(isFinished));
  const completed = finished.filter(({ status }) => status?.phase === 'Completed');
  const failed = finished.filter(({ status }) => status?.phase !== 'Completed');
  return [
    ...completed.slice(spec.successfulWindowsHistoryLimit ?? defaultHistoryLimit),
    ...failed.slice(spec.failedWindowsHistoryLimit ?? defaultHistoryLimit),
  ].filter(({ metadata, status }) => !metadata.deletionTimestamp && !isTrue(status?.conditions, 'ThawOwed'));
}

function lastSuccess(made: readonly FsFreezeWindow[], before: FsFreezeWindowStatus) {
  const ends = made
    .filter(({ status }) => status?.phase === 'Completed')
    .map(({ status }) => status?.completionTime)
    .concat(before.lastSuccessfulTime)
    .filter((time) => time !== undefined)
    .toSorted();
  const lastSuccessfulTime = ends.at(-1);
  return lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime };
}

function isFinished({ status }: FsFreezeWindow): boolean {
  return status?.completionTime !== undefined;
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

function scheduledSaid(
  { spec }: FsFreezeWindow,
  next: number | undefined,
  active: readonly FsFreezeWindow[],
  missed: SchedulePlan['missed'],
): Said {
  if (next === undefined)
    return { status: 'False', reason: 'Suspended', message: 'spec.suspend is true: no window is made' };
  const zone = spec.timeZone ?? 'UTC';
  const message = `the next window is due at ${timestamp(next)} (${spec.schedule}, ${zone})`;
  if (missed)
    return {
      status: 'True',
      reason: 'MissedSchedule',
      message: `missed ${timestamp(missed.at)}: ${missed.why}; ${message}`,
    };
  return { status: 'True', reason: active.length > 0 ? 'WindowActive' : 'Waiting', message };
}

function scheduleConditions(window: FsFreezeWindow, now: number, said: Record<string, Said>): Condition[] {
  const observedGeneration = window.metadata.generation ?? 0;
  let conditions = window.status?.conditions ?? [];
  const set = (type: string, what: Said) => {
    conditions = setCondition(conditions, { type, ...what, observedGeneration }, now);
  };
  for (const [type, what] of Object.entries(said)) set(type, what);
  if (!said['Failed'] && findCondition(conditions, 'Failed')) {
    set('Failed', { status: 'False', reason: 'ScheduleValid', message: '' });
  }
  if (window.spec.suspend) set('Suspended', { status: 'True', reason: 'Suspended', message: 'spec.suspend is true' });
  else if (findCondition(conditions, 'Suspended')) {
    set('Suspended', { status: 'False', reason: 'Resumed', message: '' });
  }
  return conditions;
}
