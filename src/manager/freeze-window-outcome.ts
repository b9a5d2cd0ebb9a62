import { listed } from '../api/listed.ts';
import type { FsFreezeWindow, GuestTask } from '../api/resources.ts';
import type { FreezeGuestResult, WindowEnd } from '../api/schema/fs-freeze-window.ts';
import { findCondition } from '../kube/conditions.ts';
import { isLetGoByOthers } from './freeze-window-early-thaw.ts';
import type { Member } from './freeze-window-members.ts';
import { isGood, type SnapshotState } from './freeze-window-snapshots.ts';
import { describeTarget } from './target.ts';

/** Why a window fails, in a word and in a sentence. */
export interface WindowFailure {
  reason: string;
  message: string;
}

/** A window's guests parted, and what they did together. */
export interface Course {
  members: readonly Member[];
  /** Those that are to be frozen. */
  inside: readonly Member[];
  /** Those that can't be. */
  out: readonly Member[];
  /** Whether at some instant all inside were frozen. */
  wasFrozen: boolean;
}

/** Whether one guest's failure is every guest's. */
export function isGroup({ spec }: FsFreezeWindow): boolean {
  return spec.consistency !== 'PerGuest';
}

/** Parts the guests. */
export function courseOf(window: FsFreezeWindow, members: readonly Member[]): Course {
  const known = window.status?.frozenAt !== undefined;
  const course = parted(members, known);
  if (course.wasFrozen || isGroup(window) || window.spec.policy === 'Required') return course;
  // One that was let go before all were frozen is one that could not be frozen with them.
  return parted(
    members.map((member) => (member.standing === 'thawed' ? tooEarly(member) : member)),
    known,
  );
}

function parted(members: readonly Member[], known: boolean): Course {
  const inside = members.filter(({ standing }) => standing !== 'out');
  const out = members.filter(({ standing }) => standing === 'out');
  return { members, inside, out, wasFrozen: known || (frozenTogether(inside) && !out.some(wasToldAnInstant)) };
}

/** From the instant on that was named to all, a group is all or nothing. */
function wasToldAnInstant({ task }: Member): boolean {
  return task?.spec.freezeAt !== undefined;
}

function tooEarly(member: Member): Member {
  const { reason, message } = whyThawedEarly(member);
  return { ...member, standing: 'out', result: { ...member.result, reason, message } };
}

/** Whether there was an instant at which all were frozen. Of one whose thaw is owed nobody can say until it is over. */
function frozenTogether(inside: readonly Member[]): boolean {
  if (inside.length === 0 || !inside.every(({ standing }) => standing === 'held' || standing === 'thawed'))
    return false;
  return latest(inside, 'frozenAt') < firstThaw(inside);
}

/** In milliseconds since the epoch. */
export function latest(members: readonly Member[], field: 'frozenAt' | 'thawedAt'): number {
  return Math.max(...members.map(({ result }) => instant(result[field]) ?? Number.NEGATIVE_INFINITY));
}

export function firstFrozen(members: readonly Member[]): number {
  return Math.min(...members.map(({ result }) => instant(result.frozenAt) ?? Number.POSITIVE_INFINITY));
}

/** When the first was no longer proven frozen: its thaw was sent, or is at the latest. In milliseconds since the epoch. */
export function firstThaw(members: readonly Member[]): number {
  return Math.min(
    ...members.map(({ result, task }) => instant(result.thawRequestedAt ?? result.thawedAt) ?? deadlineOf(task)),
  );
}

/** When its agent thaws a guest that nobody lets go of; `until` alone is that, up to the next full second. */
function deadlineOf(task: GuestTask | undefined): number {
  const { requestedAt, until } = task?.status?.freeze ?? {};
  const { maxFrozenSeconds } = task?.spec.action.freeze ?? {};
  const end = instant(until) ?? Number.POSITIVE_INFINITY;
  if (requestedAt === undefined || maxFrozenSeconds === undefined) return end;
  return Math.min(end, Date.parse(requestedAt) + maxFrozenSeconds * 1000);
}

function instant(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}

/** What an earlier look found: it stays, though its traces go. */
export function decidedFailure({ status }: FsFreezeWindow): WindowFailure | undefined {
  if (status?.failureReason === undefined) return undefined;
  return { reason: status.failureReason, message: findCondition(status.conditions, 'Completed')?.message ?? '' };
}

export interface FailureInput {
  window: FsFreezeWindow;
  course: Course;
  /** Not waited for guests any longer. */
  late: boolean;
  /** The common instant was not named in time. */
  tooLateToFreeze: boolean;
  /** Somebody, or something, other than a failure lets the guests go. */
  ending: WindowEnd | undefined;
  snapshots?: readonly SnapshotState[] | undefined;
  snapshotsServed: boolean;
}

/** Why the window fails as far as can be said now; undefined while it may still go well. */
export function failureOf(input: FailureInput): WindowFailure | undefined {
  const { course, snapshots } = input;
  if (!course.wasFrozen) return input.ending ? undefined : failureBefore(input);
  const broken = snapshots?.find(({ error }) => error !== undefined);
  return (
    brokenAfter(input) ??
    (broken && { reason: 'SnapshotFailed', message: `VolumeSnapshot ${broken.name}: ${broken.error}` })
  );
}

function failureBefore(input: FailureInput): WindowFailure | undefined {
  const { window, late, tooLateToFreeze, snapshotsServed } = input;
  const { members, inside, out } = input.course;
  const { spec, metadata } = window;
  if (!snapshotsServed) {
    const message =
      'the cluster serves no VolumeSnapshots (snapshot.storage.k8s.io/v1): install a CSI snapshot controller and its CRDs';
    return { reason: 'NoVolumeSnapshots', message };
  }
  if (members.length === 0) {
    if (!late) return undefined;
    const message = `no Guest in namespace ${metadata.namespace} matches ${describeTarget(spec.target)}`;
    return { reason: 'NoGuestsMatched', message };
  }
  const early = inside.find(({ standing }) => standing === 'thawed');
  if (early) return whyThawedEarly(early);
  const fatal = spec.policy === 'Required' ? out : out.filter(wasToldAnInstant);
  const culprit = fatal.find(({ result }) => result.reason !== 'Released');
  if (culprit) return whyNotFrozen(culprit.result);
  if (inside.length === 0 && fatal.length === 0) return nothingFrozen(out);
  if (!tooLateToFreeze && fatal.length === 0) return undefined;
  const message =
    'the guests could have been frozen, but no manager was there to see to it within startingDeadlineSeconds';
  return { reason: 'StartingDeadlineExceeded', message };
}

function nothingFrozen(out: readonly Member[]): WindowFailure {
  const [only, ...others] = out;
  if (only && others.length === 0) return whyNotFrozen(only.result);
  const named = listed(out.map(({ result }) => `${result.name} (${result.reason ?? result.phase})`));
  return { reason: 'NothingFrozen', message: `none of ${out.length} guests could be frozen: ${named}` };
}

function whyNotFrozen({ name, phase, reason = phase, message }: FreezeGuestResult): WindowFailure {
  return {
    reason,
    message: message?.includes(name) ? message : `guest ${name} could not be frozen: ${message || reason}`,
  };
}

/** Once all were frozen, the end of one that nobody asked for. */
function brokenAfter({ window, course, ending, snapshots }: FailureInput): WindowFailure | undefined {
  const known = course.members.filter(({ result }) => result.frozenAt !== undefined).length;
  const forgotten = (window.status?.frozen ?? 0) - known;
  if (forgotten > 0) {
    const message = `nobody knows what became of ${forgotten} guests that were frozen: their GuestTasks are gone`;
    return { reason: 'ConsistencyLost', message };
  }
  for (const member of course.inside) {
    if (member.standing !== 'thawed') continue;
    if (member.result.phase !== 'Succeeded') return whyThawedEarly(member);
    // Who let it go once all snapshots were cut did no harm to them.
    const isEnough = ending === 'Snapshots' && snapshots?.every(isGood);
    if (!isEnough && isLetGoByOthers(member, ending)) return whyThawedEarly(member);
  }
  return undefined;
}

function whyThawedEarly({ result }: Member): WindowFailure {
  const { name, phase, reason, message, verdict, endedBy } = result;
  if (phase === 'Succeeded') {
    return { reason: 'ThawedTooEarly', message: `guest ${name} was let go before the others (${endedBy})` };
  }
  const lost = verdict === 'Consistent' ? undefined : 'ConsistencyLost';
  return { reason: lost ?? reason ?? phase, message: `guest ${name}: ${message || reason || phase}` };
}
