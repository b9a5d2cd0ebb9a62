import { listed } from '../api/listed.ts';
import type { FsFreezeWindow } from '../api/resources.ts';
import type { FsFreezeWindowStatus, SnapshotResult, WindowEnd } from '../api/schema/fs-freeze-window.ts';
import type { Member } from './freeze-window-members.ts';
import { type Course, firstThaw, isGroup, latest, type WindowFailure } from './freeze-window-outcome.ts';
import { isGood } from './freeze-window-snapshots.ts';

type Verdict = NonNullable<FsFreezeWindowStatus['verdict']>;

/** How a window ended. */
export interface WindowFinish {
  phase: 'Completed' | 'Failed';
  reason: string;
  /** What happened and what it is worth, for a tired person. */
  message: string;
  verdict: Verdict;
  /** How long all were frozen; undefined when they never were. */
  frozenSeconds?: number | undefined;
}

export interface FinishInput {
  window: FsFreezeWindow;
  course: Course;
  failure: WindowFailure | undefined;
  ending: WindowEnd | undefined;
  /** Guests whose host never said that they are thawed. */
  silent: readonly string[];
  snapshots: readonly SnapshotResult[] | undefined;
}

/** How a window ended whose guests are all let go, or can't be heard of. */
export function finishOf(input: FinishInput): WindowFinish {
  const { window, course } = input;
  const frozenSeconds = course.wasFrozen ? secondsTogether(course.inside) : undefined;
  const failure = input.failure ?? failureAtTheEnd(input);
  const worst = worstVerdict(window, course);
  const verdict = failure && outlastedFreeze(window, failure) ? 'ConsistencyLost' : worst;
  if (failure) return { phase: 'Failed', ...failure, verdict, frozenSeconds };
  return {
    phase: 'Completed',
    reason: verdict,
    message: goodMessage(input, verdict, frozenSeconds),
    verdict,
    frozenSeconds,
  };
}

function failureAtTheEnd({ window, course, ending, silent, snapshots }: FinishInput): WindowFailure | undefined {
  if (silent.length > 0) {
    const message = `nothing was heard of ${silent.join(', ')} since the deadline: nobody knows whether they are thawed`;
    return { reason: 'ThawUnknown', message };
  }
  if (!course.wasFrozen) {
    const message =
      ending === 'Deletion'
        ? 'the window was deleted before all guests were frozen'
        : 'the window was released before all guests were frozen';
    return { reason: 'Released', message };
  }
  const late = course.inside.find(({ result }) => result.endedBy === 'Deadline');
  if (late && window.spec.release) {
    const message = `the release came too late: ${late.result.name} was thawed at ${late.result.thawedAt}, at its deadline of ${window.spec.maxFrozenSeconds} s; what was not copied by then is not consistent`;
    return { reason: 'DeadlineExceeded', message };
  }
  return snapshotsNotTaken(window, snapshots ?? []);
}

function snapshotsNotTaken({ spec }: FsFreezeWindow, snapshots: readonly SnapshotResult[]): WindowFailure | undefined {
  const total = (spec.volumeSnapshots ?? []).length;
  const missing = total - snapshots.filter(isGood).length;
  if (missing <= 0) return undefined;
  const told = snapshots.flatMap(({ name, message }) => (message === undefined ? [] : `${name} (${message})`));
  const why = told.length > 0 ? `: ${listed(told)}` : '';
  return {
    reason: 'SnapshotsNotTaken',
    message: `${missing} of ${total} VolumeSnapshots were not cut before the guests were thawed${why}`,
  };
}

const severity: readonly Verdict[] = ['Consistent', 'Skipped', 'CrashConsistent', 'ConsistencyLost'];

/** What a backup that was taken within the window is worth: as much as the worst guest in it. */
function worstVerdict({ spec }: FsFreezeWindow, { inside, out, wasFrozen }: Course): Verdict {
  const verdicts: Verdict[] = wasFrozen ? ['Consistent'] : ['Skipped'];
  for (const { result } of inside) {
    // Frozen once, and nobody says how it ended.
    if (result.frozenAt !== undefined) verdicts.push(result.verdict ?? 'ConsistencyLost');
  }
  if (out.length > 0 && wasFrozen && spec.policy === 'BestEffort') verdicts.push('CrashConsistent');
  return severity[Math.max(...verdicts.map((verdict) => severity.indexOf(verdict)))] as Verdict;
}

/**
 * Whether what somebody copied may have gone on after a guest was thawed, though each guest's own freeze was sound. The
 * window's own snapshots are judged one by one.
 */
function outlastedFreeze({ spec }: FsFreezeWindow, { reason }: WindowFailure): boolean {
  return spec.volumeSnapshots === undefined && (reason === 'ThawedTooEarly' || reason === 'DeadlineExceeded');
}

/** From when the last was frozen until the first was thawed. */
function secondsTogether(inside: readonly Member[]): number | undefined {
  const ms = firstThaw(inside) - latest(inside, 'frozenAt');
  return Number.isFinite(ms) ? Math.max(0, ms) / 1000 : undefined;
}

function goodMessage({ window, course, ending }: FinishInput, verdict: Verdict, seconds: number | undefined): string {
  const { inside, out } = course;
  const [only] = inside;
  const duration = seconds === undefined ? '' : ` for ${tenths(seconds)} s`;
  const who = inside.length === 1 && only ? `guest ${only.result.name} was` : `${inside.length} guests were`;
  const together = inside.length > 1 && isGroup(window) ? ' together' : '';
  const until = ending === 'Deadline' ? ', until the deadline: nobody released it' : '';
  const frozen = `${who} frozen${together}${duration}${until}: Consistent`;
  if (out.length === 0) return frozen;
  const named = listed(out.map(({ result }) => `${result.name} (${result.reason ?? result.phase})`));
  const worth = verdict === 'CrashConsistent' ? 'CrashConsistent' : 'Skipped';
  return `${frozen}; ${named} could not be frozen: ${worth}`;
}

/** A number of seconds as people say it: 4.2. */
export function tenths(seconds: number): string {
  return seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds));
}
