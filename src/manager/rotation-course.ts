import { durationMs } from '../api/duration.ts';
import type { Guest, GuestTask } from '../api/resources.ts';
import type { GuestRotation } from '../api/schema/password-rotation.ts';
import { isTaskOver } from '../api/tasks.ts';
import { timestamp } from '../seams/clock.ts';
import { isSettingOf } from './password/craft.ts';
import { meetsPolicy } from './password/policy.ts';
import { hostDown } from './reachability.ts';
import {
  endOf,
  inOrder,
  looksOf,
  nextAttempt,
  type Prospect,
  prospectOf,
  secretVersionAnnotation,
  valueAnnotation,
  withValue,
} from './rotation-attempts.ts';
import { type Hindrance, hindranceOf, isBlocked } from './rotation-hindrance.ts';
import type { Problem, RotationObserved } from './rotation-observed.ts';
import type { Turns } from './rotation-schedule.ts';
import { type AccountSecret, type Credential, isOurs, isRequested, readSecret, secretName } from './rotation-secret.ts';
import { driftOf, foreignSecret, parkedBy, resultOf, whyUnseen } from './rotation-shown.ts';

/** What a rotation does next in one guest. */
export type Step =
  /** Write a pending password: this one again, under a new name, or a fresh one. */
  | { do: 'prepare'; guest: Guest; account: AccountSecret | undefined; keep: Credential | undefined }
  /** Make a task with one of the Secret's passwords. */
  | {
      do: 'attempt';
      guest: Guest;
      account: AccountSecret;
      credential: Credential;
      action: 'setPassword' | 'verifyPassword';
      attempt: number;
    }
  /** The guest has taken the pending password. */
  | { do: 'promote'; guest: Guest; account: AccountSecret; task: GuestTask };

/** A task that is under way, and what is to be sealed in it anew. */
export interface Reseal {
  task: GuestTask;
  credential: Credential;
  account: AccountSecret;
}

/** How far a rotation has come in one guest. */
export interface Course {
  standing: 'rotated' | 'waiting' | 'active' | 'parked' | 'drifted';
  shown: GuestRotation;
  account?: AccountSecret | undefined;
  reseal?: Reseal | undefined;
  /** To be done now, whoever else is at it. */
  step?: Step | undefined;
  /** To be done when it is its turn among the guests. */
  wish?: Step | undefined;
  /** A look at the guest, which lets every rotation go first. */
  isLook?: boolean;
  /** The attempt that last failed, where that is how it stands. */
  failed?: GuestTask | undefined;
  /** Milliseconds since the epoch: when to look again though nothing happens. */
  at?: number | undefined;
  /** However it stands: the account was last seen without the Secret's password, in words. */
  drift?: string | undefined;
  /** Looks at it come to nothing, and one would have been due long ago. */
  isUnseen?: boolean;
  /** When its next turn comes. */
  next?: number | undefined;
}

export interface CourseContext extends RotationObserved {
  turns: Turns | undefined;
}

/** Where a rotation stands in a guest, by its Secret and its tasks there. */
export function courseOf(guest: Guest, tasks: readonly GuestTask[], context: CourseContext): Course {
  const { rotation, secrets, hindrances } = context;
  const name = secretName(rotation, guest.metadata.name);
  const secret = secrets.get(name);
  const isForeign = secret !== undefined && !isOurs(secret, rotation);
  const account = secret && !isForeign ? readSecret(secret) : undefined;
  const shown = resultOf(guest, name, account, tasks);
  const hindrance = isForeign ? { ...foreignSecret(name), isRetried: false } : hindrances.get(name);
  const course =
    hindrance && !hindrance.isRetried
      ? secretHindered(shown, hindrance)
      : unhindered(guest, account, tasks, shown, context);
  // Whatever keeps it from being set back, or goes on meanwhile.
  return { ...course, drift: driftOf(shown, account, tasks, rotation.spec.username) };
}

function unhindered(
  guest: Guest,
  account: AccountSecret | undefined,
  tasks: readonly GuestTask[],
  shown: GuestRotation,
  context: CourseContext,
): Course {
  const open = tasks.find((task) => !isTaskOver(task));
  if (open) {
    const reseal = account && resealOf(open, account, context);
    // It takes no place among those that parallelism allows: nobody knows whether the host will ever be heard again.
    const silence = hostDown(guest);
    if (open.spec.action.verifyPassword !== undefined && account?.current !== undefined) {
      // One whose turn has come meanwhile waits: it must not count as rotated until the look is over.
      const prepare: Step = { do: 'prepare', guest, account, keep: undefined };
      const stands = whyDue(guest, account, context).isDue
        ? started(guest, shown, prepare, context)
        : rested(shown, account, tasks, guest, context);
      return { ...stands, account, reseal, isLook: !silence, wish: undefined, step: undefined };
    }
    const phase = open.status?.phase ?? 'Pending';
    const { reason, message } = silence ?? open.status ?? {};
    const told = { ...shown, phase, ...(reason && { reason }), ...(message && { message }) };
    return { standing: silence ? 'waiting' : 'active', shown: told, account, reseal };
  }
  if (account?.pending) return { ...pendingCourse(guest, account, account.pending, tasks, shown, context), account };
  const due = whyDue(guest, account, context);
  if (due.isDue) {
    const prepare: Step = { do: 'prepare', guest, account, keep: undefined };
    return { ...started(guest, shown, prepare, context), account };
  }
  return { ...rested(shown, account, tasks, guest, context), account, next: due.next };
}

/** A value is pending: it is set, and set again, until the guest has it (C30). */
function pendingCourse(
  guest: Guest,
  account: AccountSecret,
  pending: Credential,
  tasks: readonly GuestTask[],
  shown: GuestRotation,
  context: CourseContext,
): Course {
  const { rotation } = context;
  const attempts = inOrder(withValue(tasks, pending));
  const last = attempts.at(-1);
  if (isRequested(rotation, account) || pending.id === undefined) {
    const isFit = pending.bytes === undefined && meetsPolicy(rotation.spec.passwordPolicy, pending.password);
    const keep = isFit ? pending : undefined;
    return started(guest, shown, { do: 'prepare', guest, account, keep }, context);
  }
  // What a task says holds for the Secret it was taken from: a value that somebody changed since is set anew.
  if (last?.status?.phase === 'Succeeded' && isOf(last, account)) {
    return {
      standing: 'active',
      shown: { ...shown, phase: 'Running' },
      step: { do: 'promote', guest, account, task: last },
    };
  }
  // The same password, whatever became of it in the guest: only what of it is sent is to be another thing.
  if (!isSettingOf(pending.setting, rotation.spec.hash)) {
    return started(guest, shown, { do: 'prepare', guest, account, keep: pending }, context);
  }
  return prospective(prospectOf(attempts, rotation.spec.backoffLimit), guest, account, pending, shown, context);
}

function prospective(
  prospect: Prospect,
  guest: Guest,
  account: AccountSecret,
  credential: Credential,
  shown: GuestRotation,
  context: CourseContext,
): Course {
  if (prospect.state === 'parked') {
    const { failed, mayBeSet } = prospect;
    const told = parkedBy(failed, shown, account.pending !== undefined && mayBeSet);
    return { standing: 'parked', shown: told, failed };
  }
  if (prospect.state === 'retry' && context.now < prospect.at) {
    const hindrance = hindranceOf(guest, 'setPassword', context);
    if (hindrance?.permanent) return { ...hindered(shown, hindrance), failed: prospect.failed };
    const { reason, message } = prospect.failed.status ?? {};
    const told = `it failed (${reason}: ${message}): tried again with the same password after ${timestamp(prospect.at)}`;
    return {
      standing: 'waiting',
      shown: { ...shown, phase: 'Pending', reason: 'Retrying', message: told },
      at: prospect.at,
      failed: prospect.failed,
    };
  }
  const { attempt } = prospect;
  return started(guest, shown, { do: 'attempt', guest, account, credential, action: 'setPassword', attempt }, context);
}

/** It has a password, and its turn has not come: does the account still have it? */
function rested(
  shown: GuestRotation,
  account: AccountSecret | undefined,
  tasks: readonly GuestTask[],
  guest: Guest,
  context: CourseContext,
): Course {
  const { current } = account ?? {};
  if (!account || !current) return { standing: 'waiting', shown };
  const { rotation, now, edited } = context;
  const { drift, backoffLimit, driftCheckInterval } = rotation.spec;
  const made = inOrder(withValue(tasks, current));
  const everyMs = durationMs(driftCheckInterval);
  const looks = looksOf(made, account.rotatedAt ?? 0, everyMs);
  const isUnseen = looks.failed !== undefined && now >= looks.lastAt + 2 * everyMs;
  const message = driftOf(shown, account, tasks, rotation.spec.username);
  const { verified = 'Unknown' } = shown;
  const rest: Course =
    message === undefined
      ? { standing: 'rotated', shown: { ...shown, phase: 'Succeeded', verified, ...whyUnseen(looks) }, isUnseen }
      : { standing: 'drifted', shown: { ...shown, phase: 'Failed', reason: 'Drifted', message }, isUnseen };
  const canLook = current.setting !== undefined && !isBlocked(guest, 'guest-exec');
  if (!canLook || context.problem || rotation.spec.suspend || hindranceOf(guest, 'verifyPassword', context))
    return rest;
  if (rest.standing === 'drifted' && drift === 'Enforce') {
    const course = prospective(prospectOf(made, backoffLimit), guest, account, current, rest.shown, context);
    return { ...course, standing: course.standing === 'parked' ? 'parked' : 'drifted' };
  }
  const last = made.at(-1);
  const soonAt = Math.max((last && endOf(last)) ?? 0, account.rotatedAt ?? 0) + soonMs;
  const lookAt = edited.has(account.object.metadata.name) ? Math.min(soonAt, looks.nextAt) : looks.nextAt;
  if (now < lookAt) return { ...rest, at: lookAt };
  const attempt = nextAttempt(made);
  const wish: Step = { do: 'attempt', guest, account, credential: current, action: 'verifyPassword', attempt };
  return { ...rest, wish, isLook: true };
}

/** An edited Secret is compared with its guest this long after the last look: whoever edits it again and again waits. */
const soonMs = 10_000;

function whyDue(guest: Guest, account: AccountSecret | undefined, context: CourseContext) {
  const { rotation, turns, now } = context;
  const uuid = guest.status?.domain?.uuid ?? '';
  if (!account?.current || account.pendingLost || account.guestUid !== uuid || isRequested(rotation, account)) {
    return { isDue: true };
  }
  const next = turns?.next(uuid, account.rotatedAt ?? 0, now);
  return { isDue: next !== undefined && next <= now, next };
}

function resealOf(task: GuestTask, account: AccountSecret, context: CourseContext): Reseal | undefined {
  const { metadata, spec, status } = task;
  const key = context.sealingKeyOf(spec.nodeName ?? '');
  if (status?.reason !== 'SealedToAnotherKey' || !key || spec.sealed?.keyId === key.id) return undefined;
  const value = metadata.annotations?.[valueAnnotation];
  const credential = [account.pending, account.current].find((each) => each?.id !== undefined && each.id === value);
  // No clear text where a hash was asked for, though somebody took the setting away meanwhile.
  const isClear = credential?.setting === undefined;
  if (isClear && (spec.action.setPassword?.crypted !== false || context.rotation.spec.hash !== 'None'))
    return undefined;
  return credential && { task, credential, account };
}

/** What is to be started, if nothing stands in its way. */
function started(guest: Guest, shown: GuestRotation, wish: Step, context: CourseContext): Course {
  const { rotation, problem } = context;
  if (problem) return hindered(shown, problem);
  if (rotation.spec.suspend) return hindered(shown, suspended);
  const hindrance = hindranceOf(guest, 'setPassword', context);
  return hindrance ? hindered(shown, hindrance) : { standing: 'waiting', shown: { ...shown, phase: 'Pending' }, wish };
}

const suspended: Problem = { reason: 'RotationSuspended', message: 'the rotation is suspended' };

function hindered(shown: GuestRotation, { reason, message, permanent }: Hindrance): Course {
  return permanent
    ? { standing: 'parked', shown: { ...shown, phase: 'Failed', reason, message, parked: true } }
    : { standing: 'waiting', shown: { ...shown, phase: 'Pending', reason, message } };
}

/** Somebody else's Secret needs a person. */
export function secretHindered(shown: GuestRotation, problem: Problem): Course {
  return hindered(shown, { ...problem, permanent: problem.reason === 'SecretConflict' });
}

function isOf({ metadata }: GuestTask, { object }: AccountSecret): boolean {
  return metadata.annotations?.[secretVersionAnnotation] === object.metadata.resourceVersion;
}
