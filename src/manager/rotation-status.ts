import { listed } from '../api/listed.ts';
import { type PasswordRotation, rotateNowAnnotation } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { GuestRotation, PasswordRotationStatus } from '../api/schema/password-rotation.ts';
import { setCondition } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { inlineGuests } from './guest-result.ts';
import type { Course } from './rotation-course.ts';
import type { Problem } from './rotation-observed.ts';
import { describeTarget } from './target.ts';

type Standing = Course['standing'];

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A rotation's status, and when it changes by itself, in milliseconds since the epoch. */
export function rotationStatus(
  rotation: PasswordRotation,
  courses: readonly Course[],
  { now, problem }: { now: number; problem: Problem | undefined },
): { status: PasswordRotationStatus; changesAt: number | undefined } {
  const count = (standing: Standing) => courses.filter((course) => course.standing === standing).length;
  const succeeded = count('rotated') + count('drifted');
  const next = earliest(courses.map((course) => course.next));
  const last = latest(courses.map(({ account }) => account?.rotatedAt));
  const underWay = count('waiting') + count('active') > 0;
  const wait = next === undefined ? undefined : roughly(next - now);
  const wish = rotation.metadata.annotations?.[rotateNowAnnotation];
  const status: PasswordRotationStatus = {
    observedGeneration: rotation.metadata.generation ?? 0,
    ...(wish !== undefined && { observedRotateNow: wish }),
    rotated: `${succeeded}/${courses.length}`,
    ...(underWay ? { next: 'now' } : wait && { next: wait.text }),
    ...(next !== undefined && { nextRotationTime: timestamp(next) }),
    ...(last !== undefined && { lastRotationTime: timestamp(last) }),
    targets: courses.length,
    succeeded,
    waiting: count('waiting'),
    active: count('active'),
    parked: count('parked'),
    drifted: courses.filter(({ drift }) => drift !== undefined).length,
    unverified: courses.filter(({ shown }) => shown.verified === 'Unknown').length,
    guests: courses.toSorted(worstFirst).slice(0, inlineGuests).map(withNext),
    conditions: conditionsOf(rotation, courses, now, problem),
  };
  return { status, changesAt: wait && next !== undefined && !underWay ? now + wait.changesInMs : undefined };
}

function withNext({ shown, next }: Course): GuestRotation {
  return next === undefined ? shown : { ...shown, nextRotationTime: timestamp(next) };
}

/** A wait as people say it, so coarse that it changes once a day, and once an hour at last. */
function roughly(ms: number): { text: string; changesInMs: number } {
  if (ms < hourMs) return { text: '<1h', changesInMs: Math.max(1, ms) };
  const unit = ms < 2 * dayMs ? hourMs : dayMs;
  const count = Math.floor(ms / unit);
  return { text: `${count}${unit === dayMs ? 'd' : 'h'}`, changesInMs: ms - count * unit + 1 };
}

function conditionsOf(
  rotation: PasswordRotation,
  courses: readonly Course[],
  now: number,
  problem: Problem | undefined,
): Condition[] {
  const observedGeneration = rotation.metadata.generation ?? 0;
  let conditions = rotation.status?.conditions ?? [];
  const set = (type: string, status: Condition['status'], reason: string, message = '') => {
    conditions = setCondition(conditions, { type, status, reason, message, observedGeneration }, now);
  };
  const ready = readiness(rotation, courses, problem);
  set('Ready', ready.reason === 'Rotated' ? 'True' : 'False', ready.reason, ready.message);

  const parked = named(courses, 'parked');
  if (parked) set('Parked', 'True', 'GuestsParked', parked);
  else set('Parked', 'False', 'NoneParked');
  const drifted = namedDrifted(courses);
  if (drifted) set('Drifted', 'True', 'PasswordChanged', drifted);
  else set('Drifted', 'False', 'NoneDrifted');

  const unseen = namedOf(courses.filter(({ isUnseen }) => isUnseen));
  const unverified = courses.filter(({ shown }) => shown.verified === 'Unknown').map(({ shown }) => shown.name);
  if (drifted) set('Verified', 'False', 'PasswordChanged', drifted);
  else if (courses.length === 0) set('Verified', 'Unknown', 'NoGuestsMatched');
  else if (unverified.length > 0) {
    set('Verified', 'Unknown', 'Unverifiable', `nobody may look whether ${listed(unverified)} took the password`);
  } else if (unseen) set('Verified', 'Unknown', 'NotLookedAt', unseen);
  else if (courses.every(({ shown }) => shown.verified !== undefined)) set('Verified', 'True', 'Compared');
  else set('Verified', 'Unknown', 'Rotating');

  if (rotation.spec.suspend)
    set('Suspended', 'True', 'RotationSuspended', 'spec.suspend is true: nothing new is begun');
  else if (conditions.some(({ type }) => type === 'Suspended')) set('Suspended', 'False', 'RotationResumed');
  return conditions;
}

function readiness(rotation: PasswordRotation, courses: readonly Course[], problem: Problem | undefined): Problem {
  if (problem) return problem;
  const { metadata, spec } = rotation;
  if (courses.length === 0) {
    const message = `no Guest in namespace ${metadata.namespace} matches ${describeTarget(spec.target)}`;
    return { reason: 'NoGuestsMatched', message };
  }
  const parked = named(courses, 'parked');
  if (parked) return { reason: 'GuestsParked', message: parked };
  const open = courses.filter(({ standing }) => standing === 'waiting' || standing === 'active');
  if (open.length === 0)
    return {
      reason: 'Rotated',
      message: `${courses.length} of ${courses.length} guests have a password of their last turn`,
    };
  const [first] = open.filter(({ shown }) => shown.message !== undefined);
  const why = first ? `; ${first.shown.name}: ${first.shown.message}` : '';
  return { reason: 'Rotating', message: `${open.length} of ${courses.length} guests are to be rotated${why}` };
}

/** The guests that stand so, with the words of the first of them; undefined where none does. */
function named(courses: readonly Course[], standing: Standing): string | undefined {
  return namedOf(courses.filter((course) => course.standing === standing));
}

function namedOf(courses: readonly Course[]): string | undefined {
  const such = courses.map(({ shown }) => shown);
  const [first] = such;
  if (!first) return undefined;
  return `${listed(such.map(({ name, reason }) => `${name} (${reason})`))}: ${first.message ?? ''}`;
}

/** The guests that were seen to have another password than their Secret, however they stand. */
function namedDrifted(courses: readonly Course[]): string | undefined {
  const such = courses.filter(({ drift }) => drift !== undefined);
  return such.length === 0
    ? undefined
    : `${listed(such.map(({ shown }) => `${shown.name} (Drifted)`))}: ${such[0]?.drift}`;
}

const order: Record<Standing, number> = { parked: 0, drifted: 1, waiting: 2, active: 3, rotated: 4 };

function rankOf({ standing, drift }: Course): number {
  return drift === undefined ? order[standing] : Math.min(order[standing], order.drifted);
}

function worstFirst(a: Course, b: Course): number {
  return rankOf(a) - rankOf(b) || (a.shown.name < b.shown.name ? -1 : 1);
}

function earliest(instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((at) => at !== undefined);
  return known.length > 0 ? known.reduce((a, b) => Math.min(a, b)) : undefined;
}

function latest(instants: readonly (number | undefined)[]): number | undefined {
  const known = instants.filter((at) => at !== undefined);
  return known.length > 0 ? known.reduce((a, b) => Math.max(a, b)) : undefined;
}
