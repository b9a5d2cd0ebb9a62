import type { Guest, GuestTask } from '../api/resources.ts';
import type { GuestRotation } from '../api/schema/password-rotation.ts';
import { timestamp } from '../seams/clock.ts';
import { failedInARow, inOrder, type Looks, lastLook, nextAttempt, withValue } from './rotation-attempts.ts';
import type { Problem } from './rotation-observed.ts';
import type { AccountSecret } from './rotation-secret.ts';

/** What is the same of a guest however it stands. */
export function resultOf(
  { metadata, status }: Guest,
  secret: string,
  account: AccountSecret | undefined,
  tasks: readonly GuestTask[],
): GuestRotation {
  const value = account?.pending ?? account?.current;
  const made = value ? inOrder(withValue(tasks, value)) : [];
  const last = made.at(-1);
  const verified = lastSeen(account, tasks)?.status?.password?.verified ?? account?.verified;
  const { startTime, completionTime } = last?.status ?? {};
  return {
    name: metadata.name,
    ...(status?.node && { node: status.node }),
    phase: 'Pending',
    ...(startTime && { startTime }),
    ...(completionTime && { completionTime }),
    attempts: account?.pending ? nextAttempt(made) : failedInARow(made),
    ...(last && { taskName: last.metadata.name }),
    secretName: secret,
    ...(account?.rotatedAt !== undefined && { lastRotationTime: timestamp(account.rotatedAt) }),
    ...(verified && { verified }),
  };
}

/** A guest in which its last attempt is not followed by another before a person steps in. */
export function parkedBy({ status }: GuestTask, shown: GuestRotation, mayHavePending: boolean): GuestRotation {
  const { reason = 'Failed', message = '' } = status ?? {};
  const advice =
    'mend that, and give the annotation qga.dev/rotate-now of the PasswordRotation or of the Secret a new value';
  const meanwhile = mayHavePending ? "; until then the Secret's pending-password may be what opens the account" : '';
  return { ...shown, phase: 'Failed', reason, message: `${message}: ${advice}${meanwhile}`, parked: true };
}

/** The reason of a guest whose Secret is not the rotation's. */
export function foreignSecret(name: string): Problem {
  return {
    reason: 'SecretConflict',
    message: `the Secret ${name} is somebody else's, or another account's, and is left alone: rename or delete it`,
  };
}

/** What is known of an account that was last seen without the Secret's password; undefined of any other. */
export function driftOf(
  { verified }: GuestRotation,
  account: AccountSecret | undefined,
  tasks: readonly GuestTask[],
  username: string,
): string | undefined {
  if (verified !== 'False') return undefined;
  const seen = lastSeen(account, tasks)?.status?.password?.account;
  if (seen === 'Missing') return `the guest has no account ${username} any more`;
  if (seen === 'Locked') return `account ${username} was locked in the guest`;
  return `account ${username} no longer has the Secret's password: it was changed in the guest or in the Secret, or the guest's disk was rolled back; rotate it, or let drift: Enforce set it back`;
}

/** What is said of an account that the last look failed to tell of. */
export function whyUnseen({ lastAt, failed }: Looks): Partial<Problem> {
  if (!failed) return {};
  const { reason = 'Failed', message = '' } = failed.status ?? {};
  return { reason, message: `not looked at since ${timestamp(lastAt)}: ${message || reason}` };
}

/** The look that last told whether the account has the Secret's password. */
function lastSeen(account: AccountSecret | undefined, tasks: readonly GuestTask[]): GuestTask | undefined {
  return account?.current && lastLook(inOrder(withValue(tasks, account.current)));
}
