import type { FsFreezeWindow, Guest, GuestTask } from '../api/resources.ts';
import type { FreezeGuestResult } from '../api/schema/fs-freeze-window.ts';
import { isOverPhase } from '../api/tasks.ts';
import { missingGuest, resultWithoutTask } from './guest-fate.ts';
import { commonResultOf } from './guest-result.ts';
import { obstacle } from './reachability.ts';
import { byName, nameOf } from './target.ts';

/**
 * Where a guest of a window stands. `waiting`: nothing can be asked of it yet. `prepared`: ready for its instant. `held`:
 * frozen. `thawed`: it was frozen, and is no longer. `out`: it was not frozen by this window, and won't be.
 */
export type Standing = 'waiting' | 'ready' | 'preparing' | 'prepared' | 'held' | 'thawed' | 'out';

export interface Member {
  standing: Standing;
  result: FreezeGuestResult;
  task?: GuestTask;
  /** Of one that is `ready`: its task can be made. */
  guest?: Guest;
}

export interface MembersInput {
  window: FsFreezeWindow;
  guests: readonly Guest[];
  tasks: readonly GuestTask[];
  /** The name of a window that goes first, is not over, and is for the same guest. */
  earlierWindow(guest: Guest): string | undefined;
  /** `open`: guests may still join. `late`: who is not prepared is not waited for any longer. */
  intake: 'open' | 'late' | 'closed';
}

/** Waiting for these would be of no use to somebody who wants to freeze now. */
const notWaitedFor: ReadonlySet<string> = new Set(['GuestNotRunning', 'GuestSuspended']);

/** Every guest that the window is for, and how it fares. */
export function membersOf(input: MembersInput): Member[] {
  const { window, guests, tasks, intake } = input;
  const members = tasks.map((task) => memberOfTask(task, input));
  if (intake !== 'closed') {
    const taken = new Set(tasks.map(({ spec }) => spec.guestUID));
    for (const guest of guests.toSorted(byName)) {
      if (!taken.has(guest.status?.domain?.uuid)) members.push(newcomer(guest, input));
    }
    if (members.length === 0 && window.spec.target.guestName !== undefined) {
      const late = intake === 'late';
      members.push({ standing: late ? 'out' : 'waiting', result: missingGuest(window, late) });
    }
  }
  return [...members, ...remembered(input, new Set(members.map(({ result }) => result.name)))];
}

function memberOfTask(task: GuestTask, { window, guests, intake }: MembersInput): Member {
  const told = freezeResultOf(task);
  const before = window.status?.guests?.find(({ name }) => name === told.name);
  if (before && staysOut(before, told)) return { standing: 'out', result: before, task };
  const result = { ...freezeTold(before, told), ...told };
  const standing = standingOf(task, result);
  if (standing !== 'preparing' || (intake !== 'late' && !task.spec.release)) return { standing, result, task };
  const guest = guests.find(({ status }) => status?.domain?.uuid === task.spec.guestUID);
  const blocked = guest && obstacle(guest);
  const reason = blocked?.reason ?? (result.reason === 'Preparing' ? undefined : result.reason);
  const why = blocked?.message ?? result.message;
  const message = `guest ${result.name} was not prepared within startingDeadlineSeconds${why ? `: ${why}` : ''}`;
  return { standing: 'out', task, result: { ...result, reason: reason ?? 'NotPrepared', message } };
}

/** Of one that was left out before, that its agent was told to let go is no news. */
function staysOut(before: FreezeGuestResult, { phase, reason }: FreezeGuestResult): boolean {
  if (before.taskName === undefined || before.frozenAt !== undefined) return false;
  return before.phase === 'Skipped' || (before.phase === 'Failed' && (reason === 'Released' || !isOverPhase(phase)));
}

/** That a guest was frozen stays true, though its task was ended by somebody who didn't know of it any more. */
function freezeTold(
  before: FreezeGuestResult | undefined,
  { taskName }: FreezeGuestResult,
): Partial<FreezeGuestResult> {
  const { frozenAt } = before ?? {};
  return frozenAt !== undefined && before?.taskName === taskName ? { frozenAt } : {};
}

function standingOf({ status }: GuestTask, { frozenAt }: FreezeGuestResult): Standing {
  const { phase, freeze } = status ?? {};
  if (isOverPhase(phase)) return frozenAt === undefined ? 'out' : 'thawed';
  if (phase === 'Held') return 'held';
  if (freeze?.preparedAt !== undefined) return 'prepared';
  return 'preparing';
}

/** A guest without a task. */
function newcomer(guest: Guest, { earlierWindow, intake }: MembersInput): Member {
  const late = intake === 'late';
  const result = resultWithoutTask(guest);
  const blocked = obstacle(guest, { freeze: {} });
  // Whether it is still frozen, its agent knows better than what it last told.
  if (blocked && blocked.reason !== 'GuestFrozen') {
    const { reason, message, permanent } = blocked;
    const hopeless = late || permanent || notWaitedFor.has(reason);
    return { standing: hopeless ? 'out' : 'waiting', result: { ...result, reason, message } };
  }
  const earlier = earlierWindow(guest);
  if (earlier !== undefined) {
    const message = `guest ${nameOf(guest)} is taken by FsFreezeWindow ${earlier}, which came first and is not over`;
    return { standing: late ? 'out' : 'waiting', result: { ...result, reason: 'GuestBusy', message } };
  }
  if (!late) return { standing: 'ready', result, guest };
  const message = `guest ${nameOf(guest)} could be reached, and nothing was asked of it`;
  return { standing: 'out', result: { ...result, reason: 'Released', message } };
}

/** Guests that the status knows and that nothing else shows any more. */
function remembered({ window, guests }: MembersInput, known: ReadonlySet<string>): Member[] {
  const here = new Set(guests.map(nameOf));
  const members: Member[] = [];
  for (const result of window.status?.guests ?? []) {
    const { name, phase, frozenAt, taskName } = result;
    if (known.has(name)) continue;
    const standing = frozenAt ? 'thawed' : 'out';
    if (isOverPhase(phase)) members.push({ standing, result });
    else if (taskName !== undefined) {
      const message = `the GuestTask ${taskName} of guest ${name} was deleted by somebody`;
      members.push({ standing, result: { ...result, phase: 'Unknown', reason: 'TaskDeleted', message } });
    } else if (here.has(name)) members.push({ standing, result });
  }
  return members;
}

/** A freeze task as its window's status shows it. */
function freezeResultOf(task: GuestTask): FreezeGuestResult {
  const { verdict, frozenAt, thawRequestedAt, thawedAt, endedBy, filesystems } = task.status?.freeze ?? {};
  return {
    ...commonResultOf(task),
    ...(verdict && { verdict }),
    ...(frozenAt && { frozenAt }),
    ...(thawRequestedAt && { thawRequestedAt }),
    ...(thawedAt && { thawedAt }),
    ...(endedBy && { endedBy }),
    ...(filesystems && { filesystems }),
  };
}
