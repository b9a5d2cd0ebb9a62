import { type FsFreezeWindow, type Guest, type GuestTask, isOverPhase } from '../../api/resources.ts';
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
  /** Windows to release, and tasks that are nobody's. */
  windows: FsFreezeWindow[];
  tasks: GuestTask[];
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

function planForWindow(window: FsFreezeWindow, { windows }: ThawObserved): ThawPlan {
  const none = { tasks: [], strangers: [] };
  if (window.spec.schedule === undefined) {
    return { ...none, windows: isOver(window) ? [] : [window], over: isOver(window) ? [window] : [] };
  }
  // A schedule holds nothing itself.
  const active = new Set(window.status?.active);
  return { ...none, windows: windows.filter(({ metadata }) => active.has(metadata.name)), over: [] };
}

/** What holds any of these guests. A window is released as a whole. */
export function planForGuests(guests: readonly Guest[], { windows, tasks }: ThawObserved): ThawPlan {
  const names = new Set(guests.map(({ metadata }) => metadata.name));
  const holding = tasks.filter(
    ({ spec, status }) => spec.action.freeze && names.has(spec.guestName) && !isOverPhase(status?.phase),
  );
  const owners = new Set(holding.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? []));
  const held = new Set(holding.map(({ spec }) => spec.guestName));
  return {
    windows: windows.filter((window) => owners.has(window.metadata.name) && !isOver(window)),
    tasks: holding.filter(({ metadata }) => (metadata.ownerReferences ?? []).length === 0),
    over: [],
    strangers: guests.filter((guest) => !held.has(guest.metadata.name) && isFrozen(guest)),
  };
}

function isFrozen({ status }: Guest): boolean {
  return findCondition(status?.conditions, 'Frozen')?.status === 'True';
}
