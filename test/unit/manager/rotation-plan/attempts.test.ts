import { describe, expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../../../src/api/resources.ts';
import type { Secret } from '../../../../src/kube/core-resources.ts';
import { newSecret, pendingPatch, promotionPatch } from '../../../../src/manager/rotation-patches.ts';
import { readSecret } from '../../../../src/manager/rotation-secret.ts';
import { merged } from '../../support/merge-patch.ts';
import { aGuest, aRotation, noon } from '../objects.ts';
import {
  a,
  aSet,
  blocking,
  day,
  failedWith,
  first,
  minute,
  pendingSecret,
  plan,
  rotatedSecret,
  running,
  second,
  succeeded,
  told,
  windows,
} from './observed.ts';

describe('write-ahead', () => {
  const rotation = aRotation();

  it('writes a password down before anything else', () => {
    expect(told(plan(rotation))).toEqual([['prepare', 'a', undefined]]);
  });

  it('sets what is written', () => {
    expect(told(plan(rotation, { secret: pendingSecret(rotation) }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('waits for what is under way, however long it takes', () => {
    const tasks = [aSet(rotation, running)];

    const { steps, status } = plan(rotation, { secret: pendingSecret(rotation), tasks, now: noon + 10 * day });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ active: 1, rotated: '0/1', next: 'now' });
  });

  it('promotes what was verified', () => {
    const tasks = [aSet(rotation, succeeded)];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([['promote', 'a']]);
  });

  it('sets it again when the Secret was changed since the task was made: the value may be another', () => {
    const tasks = [aSet(rotation, succeeded, { version: '9' })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 1],
    ]);
  });

  it('takes nothing that was said of another value, or of another domain, for this one', () => {
    const other = aGuest('b');
    const tasks = [aSet(rotation, succeeded, { value: 'earlier' }), aSet(rotation, succeeded, { guest: other })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('minds no task of another Guest that claims to be the same domain', () => {
    const tasks = [aSet(rotation, running, { guest: { ...a, metadata: { ...a.metadata, name: 'forged' } } })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('puts the pending password in the place of the current one, and that one into a bounded history', () => {
    const short = aRotation({ historyLimit: 2 });
    let secret = rotatedSecret(short);
    for (const password of ['P2', 'P3', 'P4']) {
      const prepared = merged(secret, pendingPatch(short, 'a', readSecret(secret), { ...second, password })) as Secret;
      const done = { guestUid: 'u', verified: 'True' as const, now: noon };
      secret = merged(prepared, promotionPatch(short, 'a', readSecret(prepared), done)) as Secret;
    }

    const clear = Object.entries(secret.data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    expect(Object.fromEntries(clear)).toEqual({
      username: 'app',
      password: 'P4',
      'previous-password': 'P3',
      'previous-password-2': 'P2',
    });
  });
});

describe('an attempt that failed', () => {
  const rotation = aRotation({ backoffLimit: 1 });
  const secret = pendingSecret(rotation);

  it('is followed by another with the same password after a wait that grows', () => {
    const tasks = [aSet(rotation, failedWith('NotVerified'))];

    const waiting = plan(rotation, { secret, tasks });

    expect([told(waiting), waiting.lookAgainMs]).toEqual([[], 9000]);
    expect(waiting.status.guests).toMatchObject([{ phase: 'Pending', reason: 'Retrying', attempts: 1 }]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 10_000 }))).toEqual([
      ['setPassword', 'a', first.password, 1],
    ]);
  });

  it('parks the guest when it was the last that backoffLimit allows', () => {
    const tasks = [
      aSet(rotation, failedWith('NotVerified')),
      aSet(rotation, failedWith('NotVerified'), { attempt: 1 }),
    ];

    const { steps, status } = plan(rotation, { secret, tasks, now: noon + day });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ parked: 1, guests: [{ phase: 'Failed', reason: 'NotVerified', parked: true }] });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Parked', status: 'True' }));
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'GuestsParked' }));
  });

  it.each(['UnknownUser', 'AccountLocked', 'AccountExpired', 'CommandUnsupported'])(
    'parks the guest at once with %s, since another would come to the same',
    (reason) => {
      const tasks = [aSet(rotation, failedWith(reason))];

      expect(plan(rotation, { secret, tasks }).status).toMatchObject({ parked: 1, guests: [{ reason }] });
    },
  );

  it.each([
    ['DeadlineExceeded', 'UnknownUser'],
    ['NotVerified', 'NotVerified'],
    ['UnknownUser', 'HostGone'],
  ])('parks the guest after %s and %s with the word that it may have the pending password', (...reasons) => {
    const tasks = reasons.map((reason, attempt) => aSet(rotation, failedWith(reason), { attempt }));

    expect(plan(rotation, { secret, tasks }).status.guests?.[0]?.message).toContain(
      'pending-password may be what opens',
    );
  });

  it('parks the guest without that word where it has not set anything for sure', () => {
    const reasons = ['Undeliverable', 'ReadOnlyFilesystem', 'UnknownUser'];
    const tasks = reasons.map((reason, attempt) => aSet(rotation, failedWith(reason), { attempt }));

    const { status } = plan(rotation, { secret, tasks });

    expect(status).toMatchObject({ parked: 1 });
    expect(status.guests?.[0]?.message).not.toContain('pending-password');
  });

  it.each([
    ['CommandBlocked', blocking(a, 'guest-set-user-password')],
    ['NoAgentChannel', aGuest('a', { agent: 'NoAgentChannel' })],
  ])('parks the guest with %s as long as its Guest says so, and goes on by itself then', (reason, barred) => {
    const tasks = [0, 1, 2].map((attempt) => aSet(rotation, failedWith(reason), { attempt }));

    const still = plan(rotation, { secret, tasks, guests: [barred] });
    const mended = plan(rotation, { secret, tasks, now: noon + 40_000 });

    expect([told(still), still.status]).toMatchObject([[], { parked: 1, guests: [{ reason, parked: true }] }]);
    expect(told(mended)).toEqual([['setPassword', 'a', first.password, 3]]);
  });

  it('does not count where the guest never saw it, and is tried ever less often', () => {
    const tasks = [0, 1, 2, 3].map((attempt) => aSet(rotation, failedWith('Undeliverable'), { attempt }));

    const waiting = plan(rotation, { secret, tasks });

    expect([told(waiting), waiting.lookAgainMs]).toEqual([[], 79_000]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 80_000 }))).toEqual([
      ['setPassword', 'a', first.password, 4],
    ]);
  });

  it('waits for 6 minutes at most, by its number: of the earlier ones few are kept', () => {
    const tasks = [aSet(rotation, failedWith('Undeliverable'), { attempt: 40 })];

    const { lookAgainMs, status } = plan(rotation, { secret, tasks });

    expect([lookAgainMs, status.guests?.[0]?.attempts]).toEqual([359_000, 41]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 6 * minute }))).toEqual([
      ['setPassword', 'a', first.password, 41],
    ]);
  });

  it('is taken up again with the same password by a new value of the annotation, on the rotation or on the Secret', () => {
    const tasks = [aSet(rotation, failedWith('UnknownUser'))];
    const keep = { ...first, password: 'Abcdefghijklmnopqrstuvw1' };
    const withPolicy = newSecret(rotation, 'a', keep);
    const here = {
      ...withPolicy,
      metadata: {
        ...withPolicy.metadata,
        resourceVersion: '10',
        annotations: { ...withPolicy.metadata.annotations, [rotateNowAnnotation]: 'x' },
      },
    };
    const asked = aRotation({ backoffLimit: 1 }, { annotations: { [rotateNowAnnotation]: '1' } });

    expect(told(plan(asked, { secret: withPolicy, tasks }))).toEqual([['prepare', 'a', keep.password]]);
    expect(told(plan(rotation, { secret: here, tasks }))).toEqual([['prepare', 'a', keep.password]]);
  });

  it('is given another password then, if the policy has changed, and the one given up joins the history', () => {
    const asked = aRotation({ passwordPolicy: { length: 32 } }, { annotations: { [rotateNowAnnotation]: '1' } });

    const [step] = plan(asked, { secret, tasks: [aSet(asked, failedWith('PasswordRefused'))] }).steps;

    expect(step).toMatchObject({ do: 'prepare', keep: undefined });
    const patch = pendingPatch(asked, 'a', readSecret(secret), second) as { data: Record<string, string> };
    expect(Buffer.from(patch.data['previous-password'] ?? '', 'base64').toString()).toBe(first.password);
  });

  it('leaves every one that was given up in the history until another is promoted: the guest may have any of them', () => {
    const short = aRotation({ historyLimit: 1 });
    let given = secret;
    for (const password of ['P2', 'P3'])
      given = merged(given, pendingPatch(short, 'a', readSecret(given), { ...second, password })) as Secret;
    const done = { guestUid: 'u', verified: 'True' as const, now: noon };
    const promoted = merged(given, promotionPatch(short, 'a', readSecret(given), done)) as Secret;

    expect(historyOf(given)).toEqual(['P2', first.password]);
    expect(historyOf(promoted)).toEqual(['P2']);
  });
});

function historyOf({ data = {} }: Secret): string[] {
  const keys = Object.keys(data).filter((key) => key.startsWith('previous-password'));
  return keys.toSorted().map((key) => Buffer.from(data[key] ?? '', 'base64').toString());
}
describe('a pending password that is not hashed as the rotation says', () => {
  const clear = aRotation({ hash: 'None' });
  const rotation = aRotation();
  const unhashed = newSecret(clear, 'a', { ...first, setting: undefined });
  const secret = { ...unhashed, metadata: { ...unhashed.metadata, resourceVersion: '10' } };

  it.each([
    ['was not sent yet', undefined],
    ['failed', failedWith('PasswordRefused')],
    ['may have been set', { ...failedWith('DeadlineExceeded'), phase: 'Unknown' as const }],
    ['was parked', failedWith('UnknownUser')],
  ])('is prepared anew and stays the same, where it %s', (_, status) => {
    const tasks = status ? [aSet(clear, status)] : [];

    expect(told(plan(rotation, { secret, tasks }))).toEqual([['prepare', 'a', first.password]]);
    const [step] = plan(rotation, { secret, tasks }).steps;
    const keep = step?.do === 'prepare' ? step.keep : undefined;
    const patch = pendingPatch(rotation, 'a', readSecret(secret), { ...first, ...keep, id: 'anew', setting: '$6$s' });
    const after = merged(secret, patch) as Secret;
    expect(readSecret(after).pending).toMatchObject({ password: first.password, id: 'anew', setting: '$6$s' });
    expect(after.data).not.toHaveProperty('previous-password');
    expect(told(plan(rotation, { secret: after, tasks }))).toEqual([['setPassword', 'a', first.password, 0]]);
  });

  it('is prepared anew as clear text, where a hash is pending and the guest takes none', () => {
    expect(told(plan(clear, { secret: pendingSecret(rotation), guests: [windows(a)] }))).toEqual([
      ['prepare', 'a', first.password],
    ]);
  });

  it('is promoted where the guest has it by now', () => {
    expect(told(plan(rotation, { secret, tasks: [aSet(clear, succeeded)] }))).toEqual([['promote', 'a']]);
  });

  it('is not sealed anew as clear text in a task that waits for another key', () => {
    const waits = { phase: 'Pending', reason: 'SealedToAnotherKey' } as const;
    const reseal = (rotated: typeof rotation, crypted: boolean, pending: Secret) => {
      const task = aSet(rotated, waits);
      const spec = { ...task.spec, action: { setPassword: { username: 'app', crypted } } };
      return plan(rotated, { secret: pending, tasks: [{ ...task, spec }] }).reseal.length;
    };

    expect(reseal(rotation, true, secret)).toBe(0);
    expect(reseal(rotation, false, secret)).toBe(0);
    expect(reseal(clear, false, secret)).toBe(1);
    expect(reseal(rotation, true, pendingSecret(rotation))).toBe(1);
  });
});
