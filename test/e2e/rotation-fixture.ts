import type { PasswordRotation } from '../../src/api/resources.ts';
import type { Secret } from '../../src/kube/core-resources.ts';
import { hashBySetting } from '../../src/manager/password/crypt-hash.ts';
import { eventually } from '../harness/eventually.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import type { Kubectl } from '../harness/kubectl.ts';
import { namespace } from './operator-fixture.ts';

/** For a guest on a busy machine. */
const lookTimeoutMs = 120_000;

/** A Secret's passwords in clear text, by key. */
export type Passwords = Record<string, string>;

export function passwordsOf({ data = {} }: Pick<Secret, 'data'>): Passwords {
  const passwords = Object.entries(data).filter(([key]) => key.includes('password'));
  return Object.fromEntries(passwords.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/** What the guest itself has of an account, read apart from its agent. */
export async function shadowField(guest: TestGuest, username: string): Promise<string> {
  return (await guest.sh(`grep '^${username}:' /etc/shadow | cut -d: -f2`, lookTimeoutMs)).stdout.trim();
}

/** Whether a password is the one behind a hash; never where the account is locked or has none. */
export async function fits(password: string, hash: string): Promise<boolean> {
  return /^\$[6y]\$/.test(hash) && (await hashBySetting(password, hash.slice(0, hash.lastIndexOf('$')))) === hash;
}

/** Whether a password opens the account, by the guest's own shadow file. */
export async function opens(guest: TestGuest, username: string, password: string | undefined): Promise<boolean> {
  return password !== undefined && (await fits(password, await shadowField(guest, username)));
}

/** What tests do with PasswordRotations of a cluster. */
export function rotationsOn({ kubectl, apply, get }: Kubectl) {
  async function passwordsIn(secretName: string): Promise<Passwords> {
    const text = await kubectl('get', 'secret', secretName, '-n', namespace, '-o', 'json', '--ignore-not-found');
    return text === '' ? {} : passwordsOf(JSON.parse(text) as Secret);
  }
  async function untilRotation(
    name: string,
    test: (rotation: PasswordRotation) => boolean,
    timeoutMs = 90_000,
  ): Promise<PasswordRotation> {
    let last: PasswordRotation | undefined;
    return await eventually(
      async () => {
        last = await get<PasswordRotation>('passwordrotation', name, namespace);
        return test(last) ? last : undefined;
      },
      { what: `rotation ${name}`, timeoutMs, intervalMs: 100, hint: () => JSON.stringify(last?.status, undefined, 1) },
    );
  }
  return {
    /** Nothing while there is no Secret. */
    passwordsIn,
    /** The rotation once `test` holds of it. */
    untilRotation,
    async createRotation(name: string, spec: Record<string, unknown>): Promise<void> {
      await apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'PasswordRotation', metadata: { name, namespace }, spec });
    },
    async rotateNow(name: string, value: string): Promise<void> {
      const annotation = `qga.dev/rotate-now=${value}`;
      await kubectl('annotate', 'passwordrotation', name, '-n', namespace, '--overwrite', annotation);
    },
    /** Once all its guests have a password of their last turn, and nothing is under way. */
    untilRotated: (name: string, timeoutMs?: number) =>
      untilRotation(
        name,
        ({ status }) => (status?.targets ?? 0) > 0 && status?.succeeded === status?.targets && status?.drifted === 0,
        timeoutMs,
      ),
    /** Once a Secret has another current password than this one, and none pending. */
    untilPasswordChanged: (secret: string, from: string | undefined, timeoutMs = 90_000): Promise<Passwords> =>
      eventually(
        async () => {
          const passwords = await passwordsIn(secret);
          const { password } = passwords;
          const done = password !== undefined && password !== from && passwords['pending-password'] === undefined;
          return done ? passwords : undefined;
        },
        { what: `a new password in ${secret}`, timeoutMs, intervalMs: 100 },
      ),
  };
}
