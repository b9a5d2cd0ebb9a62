import { listed } from '../api/listed.ts';
import type { FsFreezeWindow } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { SnapshotResult, WindowEnd } from '../api/schema/fs-freeze-window.ts';
import { findCondition, setCondition } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import type { WindowFinish } from './freeze-window-finish.ts';
import type { Member } from './freeze-window-members.ts';
import { type Course, firstFrozen, isGroup, latest, type WindowFailure } from './freeze-window-outcome.ts';
import { describeTarget } from './target.ts';

interface ConditionsInput {
  window: FsFreezeWindow;
  course: Course;
  failure: WindowFailure | undefined;
  ending: WindowEnd | undefined;
  ended: WindowFinish | undefined;
  snapshots: readonly SnapshotResult[] | undefined;
  startingDeadline: number;
  now: number;
}

type Said = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What a window's conditions say. `Failed` and `ThawOwed` are there only once they have been true. */
export function windowConditions(input: ConditionsInput, owed: readonly string[]): Condition[] {
  const { window, ended, now } = input;
  let conditions = window.status?.conditions ?? [];
  const set = (type: string, said: Said) => {
    conditions = setCondition(conditions, { type, ...said, observedGeneration: window.metadata.generation ?? 0 }, now);
  };
  set('Frozen', frozenCondition(input));
  set('Completed', completedCondition(input));
  if (ended?.phase === 'Failed') set('Failed', { status: 'True', reason: ended.reason, message: ended.message });
  return thawOwedConditions(window, conditions, owed, now);
}

export function thawOwedConditions(
  { metadata }: FsFreezeWindow,
  conditions: Condition[],
  owed: readonly string[],
  now: number,
): Condition[] {
  if (owed.length === 0 && !findCondition(conditions, 'ThawOwed')) return conditions;
  const observedGeneration = metadata.generation ?? 0;
  const names = listed(owed, 10);
  const said: Said =
    owed.length > 0
      ? {
          status: 'True',
          reason: 'ThawOwed',
          message: `nobody knows whether ${names} is thawed: that is seen to as soon as the guest can be reached`,
        }
      : { status: 'False', reason: 'Thawed', message: '' };
  return setCondition(conditions, { type: 'ThawOwed', ...said, observedGeneration }, now);
}

/** The pipeline's gate: true from when all are frozen until they are let go. */
function frozenCondition(input: ConditionsInput): Said {
  const { window, course, failure, ending, ended, startingDeadline } = input;
  if (ended?.phase === 'Failed') return { status: 'False', reason: ended.reason, message: ended.message };
  if (failure && (ending !== undefined || !course.wasFrozen)) return { status: 'False', ...failure };
  if (ended) return { status: 'False', reason: 'Thawed', message: ended.message };
  if (ending) return { status: 'False', reason: 'Thawing', message: `the guests are let go: ${ending}` };
  if (!course.wasFrozen) return { status: 'False', ...progress(window, course, startingDeadline) };
  return { status: 'True', reason: 'AllFrozen', message: frozenMessage(input) };
}

function frozenMessage({ window, course, failure, snapshots = [] }: ConditionsInput): string {
  if (failure) return `not all are frozen any more: ${failure.message}`;
  const { name, message } = snapshots.find((each) => each.message !== undefined) ?? {};
  const waits = message === undefined ? '' : `; VolumeSnapshot ${name} is not cut yet: ${message}`;
  return whoIsFrozen(window, course) + waits;
}

function whoIsFrozen(window: FsFreezeWindow, { inside }: Course): string {
  const [only] = inside;
  if (inside.length === 1 && only) return `guest ${only.result.name} is frozen`;
  const skew = latest(inside, 'frozenAt') - firstFrozen(inside);
  return isGroup(window)
    ? `${inside.length} guests are frozen together, within ${skew} ms`
    : `${inside.length} guests are frozen`;
}

function completedCondition({ failure, ending, ended, course }: ConditionsInput): Said {
  if (ended)
    return { status: ended.phase === 'Completed' ? 'True' : 'False', reason: ended.reason, message: ended.message };
  if (failure) return { status: 'False', ...failure };
  if (ending) return { status: 'False', reason: 'Thawing', message: `the guests are let go: ${ending}` };
  if (course.wasFrozen)
    return { status: 'False', reason: 'Frozen', message: 'the guests are frozen until they are released' };
  return { status: 'False', reason: 'Preparing', message: 'the guests are not frozen yet' };
}

/** What a person wants to know before all are frozen: what is it waiting for? */
function progress({ spec }: FsFreezeWindow, { members, inside }: Course, startingDeadline: number) {
  const until = `until ${timestamp(startingDeadline)}`;
  if (members.length === 0) {
    return {
      reason: 'NoGuestsMatched',
      message: `no Guest matches ${describeTarget(spec.target)} yet: waited for ${until}`,
    };
  }
  const unready = inside.filter(({ standing }) => standing === 'waiting' || standing === 'preparing');
  const [first] = unready.toSorted(waitingFirst);
  if (!first) return { reason: 'Freezing', message: `${inside.length} guests are prepared: they are frozen now` };
  const { name, reason, message } = first.result;
  const others = unready.length > 1 ? `, and ${unready.length - 1} more` : '';
  const ready = `${inside.length - unready.length} of ${inside.length} guests are prepared`;
  const why = message || `guest ${name} is being prepared`;
  return { reason: reason ?? 'Preparing', message: `${ready}; ${why}${others}: waited for ${until}` };
}

function waitingFirst(a: Member, b: Member): number {
  return Number(b.standing === 'waiting') - Number(a.standing === 'waiting');
}
