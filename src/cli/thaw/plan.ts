import { type FsFreezeWindow, type Guest, type GuestTask, ownerUidLabel } from '../../api/resources.ts';
import { isTaskOver } from '../../api/tasks.ts';
import { findCondition } from '../../kube/conditions.ts';
import { isOver } from '../freeze/outcome.ts';
import type { NamedObject } from '../object-name.ts';
import { guestWords, windowWords } from '../object-name.ts';
import { UsageError } from '../usage-error.ts';

export interface ThawObserved {
  /** What there is in the namespace. */
  windows: readonly FsFreezeWindow[];
  tasks: readonly GuestTask[];
  guests: readonly Guest[];
}

export interface ThawPlan {
  /** Windows to release. */
  windows: FsFreezeWindow[];
  /** Tasks that may hold a guest, and that no window will let go: theirs is over or gone, or they have none. */
  tasks: GuestTask[];
  /** Guests that their host may still hold, though it is for no task any more. */
  owed: Guest[];
  /** Windows that were asked for by name and are over. */
  over: FsFreezeWindow[];
  /** Guests that are frozen, and by nothing of this cluster. */
  strangers: Guest[];
}

/** What is to be let go when a person wants a guest or a window thawed. Throws a UsageError where it is not clear. */
export function planThaw({ kind, name }: NamedObject, observed: ThawObserved): ThawPlan {
  const window = observed.windows.find(({ metadata }) => metadata.name === name);
  const guest = observed.guests.find(({ metadata }) => metadata.name === name);
  const asWindow = kind === undefined || windowWords.includes(kind) ? window : undefined;
  const asGuest = kind === undefined || guestWords.includes(kind) ? guest : undefined;
  if (asWindow && asGuest) {
    throw new UsageError(`${name} is a guest and a window: say guest/${name} or window/${name}`);
  }
  if (asWindow) return planForWindow(asWindow, observed);
  if (asGuest) return planForGuests([asGuest], observed);
  throw new UsageError(`there is no ${kind ?? 'guest or window'} ${name} here`);
}

function planForWindow(window: FsFreezeWindow, { windows, tasks }: ThawObserved): ThawPlan {
  const isSchedule = window.spec.schedule !== undefined;
  // A schedule holds nothing itself.
  const asked = isSchedule ? windows.filter((each) => isOfSchedule(each, window)) : [window];
  const over = asked.filter(isOver);
  return {
    windows: asked.filter((each) => !isOver(each)),
    tasks: tasks.filter((task) => mayHold(task) && over.some((each) => isOwnedBy(task, each))),
    owed: [],
    over: isSchedule ? [] : over,
    strangers: [],
  };
}

/** What holds any of these guests. A window is released as a whole. */
export function planForGuests(guests: readonly Guest[], { windows, tasks }: ThawObserved): ThawPlan {
  const names = new Set(guests.map(({ metadata }) => metadata.name));
  const holding = tasks.filter((task) => names.has(task.spec.guestName) && mayHold(task));
  const open = windows.filter((window) => !isOver(window));
  const held = new Set(holding.map(({ spec }) => spec.guestName));
  const others = guests.filter(({ metadata }) => !held.has(metadata.name));
  return {
    windows: open.filter((window) => holding.some((task) => isOwnedBy(task, window))),
    tasks: holding.filter((task) => !open.some((window) => isOwnedBy(task, window))),
    owed: others.filter(isOwedThaw),
    over: [],
    strangers: others.filter((guest) => isFrozen(guest) && !isOwedThaw(guest)),
  };
}

/** Whether its host owes a task's guest a thaw: nobody knows whether it is frozen. One that is gone for good owes nothing. */
export function owesThaw({ status }: GuestTask): boolean {
  return status?.freeze?.thawOwed === true && status.reason !== 'HostGone';
}

/** Whether a guest may be frozen by this task. */
export function mayHold(task: GuestTask): boolean {
  return task.spec.action.freeze !== undefined && (!isTaskOver(task) || owesThaw(task));
}

/** Whether a guest is, or may be, held by its own host, as that says. */
export function isOwedThaw({ status }: Guest): boolean {
  const { reason = '' } = findCondition(status?.conditions, 'Frozen') ?? {};
  return reason === 'Held' || reason === 'ThawOwed';
}

function isFrozen({ status }: Guest): boolean {
  return findCondition(status?.conditions, 'Frozen')?.status === 'True';
}

/** By its uid: a window of the same name that is made later has nothing to do with it. */
function isOwnedBy(task: GuestTask, window: FsFreezeWindow): boolean {
  return task.metadata.ownerReferences?.some(({ uid }) => uid === window.metadata.uid) ?? false;
}

function isOfSchedule({ metadata }: FsFreezeWindow, schedule: FsFreezeWindow): boolean {
  if (schedule.status?.active?.includes(metadata.name)) return true;
  const { uid } = schedule.metadata;
  return uid !== undefined && metadata.labels?.[ownerUidLabel] === uid;
}
