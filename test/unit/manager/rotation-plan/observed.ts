import type { Guest, GuestTask, PasswordRotation } from '../../../../src/api/resources.ts';
import type { PasswordResult } from '../../../../src/api/schema/password.ts';
import type { Secret } from '../../../../src/kube/core-resources.ts';
import type { RotationObserved } from '../../../../src/manager/rotation-observed.ts';
import { newSecret, promotionPatch } from '../../../../src/manager/rotation-patches.ts';
import { planRotation } from '../../../../src/manager/rotation-plan.ts';
import { readSecret } from '../../../../src/manager/rotation-secret.ts';
import { taskFor } from '../../../../src/manager/task-template.ts';
import { timestamp } from '../../../../src/seams/clock.ts';
import { merged } from '../../support/merge-patch.ts';
import { aGuest, noon } from '../objects.ts';

export const a = aGuest('a');
export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;
export const first = { password: 'First-password-1', id: 'first', setting: '$6$salt1' };
export const second = { password: 'Second-password-2', id: 'second', setting: '$6$salt2' };

/** The Secret in which `pending` waits to be set. */
export function pendingSecret(rotation: PasswordRotation, guest: Guest = a, version = '10'): Secret {
  const secret = newSecret(rotation, guest.metadata.name, first);
  return { ...secret, metadata: { ...secret.metadata, resourceVersion: version } };
}

/** The Secret of a guest that was rotated at `at`. */
export function rotatedSecret(rotation: PasswordRotation, guest: Guest = a, at = noon): Secret {
  const pending = pendingSecret(rotation, guest);
  const done = { guestUid: guest.status?.domain?.uuid ?? '', verified: 'True' as const, now: at };
  const patch = promotionPatch(rotation, guest.metadata.name, readSecret(pending), done);
  return {
    ...(merged(pending, patch) as Secret),
    metadata: { ...(merged(pending, patch) as Secret).metadata, resourceVersion: '11' },
  };
}

export function aSet(
  rotation: PasswordRotation,
  status: GuestTask['status'],
  more: { attempt?: number; value?: string; version?: string; guest?: Guest; verify?: true } = {},
): GuestTask {
  const { attempt = 0, value = 'first', version = '10', guest = a, verify } = more;
  const task = taskFor(rotation, guest, {
    action: verify ? { verifyPassword: { username: 'app' } } : { setPassword: { username: 'app' } },
    attempt,
    purpose: value,
    annotations: { 'qga.dev/password-id': value, 'qga.dev/secret-version': version },
  });
  const metadata = { ...task.metadata, creationTimestamp: timestamp(noon + attempt * 1000) };
  return { ...task, metadata, ...(status && { status }) };
}

export const verifiedAs = (verified: PasswordResult['verified']): PasswordResult => ({ verified, account: 'Active' });
export const succeeded = {
  phase: 'Succeeded',
  reason: 'PasswordSet',
  completionTime: timestamp(noon),
  password: verifiedAs('True'),
} as const;
export const notAsTheSecret = { ...succeeded, password: verifiedAs('False') };
export const running = {
  phase: 'Running',
  claim: { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon) },
} as const;
export const failedWith = (reason: string, at = noon) =>
  ({ phase: 'Failed', reason, message: 'it says no', completionTime: timestamp(at) }) as const;

export function plan(rotation: PasswordRotation, more: Partial<RotationObserved> & { secret?: Secret } = {}) {
  const { secret, ...rest } = more;
  return planRotation({
    rotation,
    guests: [a],
    tasks: [],
    secrets: new Map(secret ? [[secret.metadata.name, secret]] : []),
    hindrances: new Map(),
    edited: new Set(),
    problem: undefined,
    sealingKeyOf: () => ({ id: 'k', algorithm: 'a', publicKey: 'p' }),
    libvirtProblemOf: () => undefined,
    hostExists: () => true,
    now: noon + 1000,
    ...rest,
  });
}

/** The steps in a word or two. */
export function told({ steps }: ReturnType<typeof plan>): unknown[] {
  return steps.map((step) => {
    if (step.do === 'prepare') return ['prepare', step.guest.metadata.name, step.keep?.password];
    if (step.do === 'promote') return ['promote', step.guest.metadata.name];
    return [step.action, step.guest.metadata.name, step.credential.password, step.attempt];
  });
}

export function dropped({ drop }: ReturnType<typeof plan>): (number | undefined)[] {
  return drop.map(({ spec }) => spec.attempt);
}

/** As the manager shows it when nothing is heard from its host. */
export function silent(guest: Guest): Guest {
  const conditions = guest.status?.conditions?.map((each) => ({ ...each, status: 'Unknown' as const }));
  return { ...guest, status: { ...guest.status, ...(conditions && { conditions }) } };
}

export function blocking(guest: Guest, command: string): Guest {
  return { ...guest, status: { ...guest.status, agent: { blockedCommands: [command] } } };
}

export function windows(guest: Guest): Guest {
  return { ...guest, status: { ...guest.status, os: { id: 'mswindows' } } };
}
