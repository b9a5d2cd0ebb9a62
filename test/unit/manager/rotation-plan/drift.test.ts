import { describe, expect, it } from 'vitest';
import type { PasswordRotation } from '../../../../src/api/resources.ts';
import { aGuest, aRotation, noon } from '../objects.ts';
import {
  a,
  aSet,
  blocking,
  failedWith,
  first,
  hour,
  minute,
  notAsTheSecret,
  plan,
  rotatedSecret,
  running,
  succeeded,
  told,
  verifiedAs,
} from './observed.ts';

describe('drift', () => {
  const soon = noon + 6 * hour;
  const drifted = (rotation: PasswordRotation) => [
    aSet(rotation, succeeded),
    aSet(rotation, notAsTheSecret, { attempt: 1, verify: true }),
  ];

  it('is looked for at a slow pace, and soon after somebody changed the Secret', () => {
    const rotation = aRotation();
    const secret = rotatedSecret(rotation);
    const tasks = [aSet(rotation, succeeded)];

    const quiet = plan(rotation, { secret, tasks, now: soon - minute });

    expect(told(quiet)).toEqual([]);
    expect(quiet.lookAgainMs).toBe(minute);
    expect(told(plan(rotation, { secret, tasks, now: soon }))).toEqual([['verifyPassword', 'a', first.password, 1]]);
    expect(told(plan(rotation, { secret, tasks, now: noon + minute, edited: new Set(['a-app']) }))).toHaveLength(1);
  });

  it('is reported, and nothing is done about it', () => {
    const rotation = aRotation();

    const { steps, status } = plan(rotation, { secret: rotatedSecret(rotation), tasks: drifted(rotation) });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ drifted: 1, rotated: '1/1', guests: [{ reason: 'Drifted', verified: 'False' }] });
    for (const type of ['Drifted', 'Verified']) {
      const wanted = { type, status: type === 'Drifted' ? 'True' : 'False' };
      expect(status.conditions).toContainEqual(expect.objectContaining(wanted));
    }
  });

  it('is set back where that is enforced, to the password that the Secret has', () => {
    const rotation = aRotation({ drift: 'Enforce', backoffLimit: 0 });
    const secret = rotatedSecret(rotation);
    const failed = [...drifted(rotation), aSet(rotation, failedWith('NotVerified'), { attempt: 2 })];
    const back = [...drifted(rotation), aSet(rotation, succeeded, { attempt: 2 })];

    expect(told(plan(rotation, { secret, tasks: drifted(rotation) }))).toEqual([
      ['setPassword', 'a', first.password, 2],
    ]);
    expect(plan(rotation, { secret, tasks: failed }).status).toMatchObject({ parked: 1 });
    expect(plan(rotation, { secret, tasks: back }).status).toMatchObject({ drifted: 0, succeeded: 1 });
  });

  it.each([
    [
      'parked, since it can’t be set back',
      { drift: 'Enforce', backoffLimit: 0 },
      [failedWith('NotVerified')],
      noon + hour,
      a,
    ],
    ['being set back', { drift: 'Enforce' }, [running], noon + hour, a],
    ['due while the rotation is suspended', { interval: '1h', suspend: true }, [], noon + 2 * hour, a],
    ['due and switched off', { interval: '1h' }, [], noon + 2 * hour, aGuest('a', { running: false })],
  ] as const)('is told of a guest that is %s', (_, spec, then, now, guest) => {
    const rotation = aRotation(spec);
    const tasks = [...drifted(rotation), ...then.map((status) => aSet(rotation, status, { attempt: 2 }))];

    const { status } = plan(rotation, { secret: rotatedSecret(rotation), tasks, now, guests: [guest] });

    expect(status).toMatchObject({ drifted: 1, guests: [{ verified: 'False' }] });
    for (const [type, wanted] of [
      ['Drifted', 'True'],
      ['Verified', 'False'],
    ]) {
      expect(status.conditions).toContainEqual(
        expect.objectContaining({ type, status: wanted, message: expect.stringContaining('a (Drifted)') as string }),
      );
    }
  });

  it('can’t be ruled out where there is no guest', () => {
    const { status } = plan(aRotation(), { guests: [] });

    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'Unknown' }));
  });

  it('is known until somebody has seen the account to be as the Secret says: not by an attempt that could not tell', () => {
    const rotation = aRotation({ drift: 'Enforce' });
    const refused = { ...failedWith('PasswordRefused'), password: verifiedAs('Unknown') };
    const tasks = [...drifted(rotation), aSet(rotation, refused, { attempt: 2 })];

    const { status } = plan(rotation, { secret: rotatedSecret(rotation), tasks });

    expect(status).toMatchObject({ drifted: 1, guests: [{ verified: 'False' }] });
  });

  it('is not looked for where the guest lets nobody look, and the condition says that nobody knows', () => {
    const rotation = aRotation();
    const guest = blocking(a, 'guest-exec');
    const tasks = [aSet(rotation, { ...succeeded, password: verifiedAs('Unknown') })];

    const { steps, status } = plan(rotation, { guests: [guest], secret: rotatedSecret(rotation), tasks, now: soon });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ unverified: 1 });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'Unknown' }));
  });
});
