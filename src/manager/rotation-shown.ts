import type { Guest, GuestTask } from '../api/resources.ts';
import type { GuestRotation } from '../api/schema/password-rotation.ts';
import { timestamp } from '../seams/clock.ts';
import { failedInARow, inOrder, nextAttempt, withValue } from './rotation-attempts.ts';
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
    ...(account?.verified && { verified: account.verified }),
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

/** What a look at an account that has not the Secret's password tells. */
export function driftMessage(username: string, look: GuestTask | undefined): string {
  const account = look?.status?.password?.account;
  if (account === 'Missing') return `the guest has no account ${username} any more`;
  if (account === 'Locked') return `account ${username} was locked in the guest`;
  return `account ${username} no longer has the Secret's password: it was changed in the guest or in the Secret, or the guest's disk was rolled back; rotate it, or let drift: Enforce set it back`;
}
