import { describe, expect, it } from 'vitest';
import type { PasswordRotation } from '../../../../src/api/resources.ts';
import { aGuest, aRotation, noon } from '../objects.ts';
import {
  a,
  aSet,
  blocking,
  dropped,
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

const second = 1000;

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
    expect(status.guests?.[0]?.message).toContain('rotate it, or let drift: Enforce set it back');
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

  it('is known though a later look saw nothing, until the agent says that it set the password', () => {
    const rotation = aRotation();
    const secret = rotatedSecret(rotation);
    const blind = { ...succeeded, password: verifiedAs('Unknown') };
    const looks = [2, 3, 4, 5].map((attempt) => aSet(rotation, blind, { attempt, verify: true }));
    const seen = plan(rotation, { secret, tasks: [...drifted(rotation), ...looks] });
    const setBack = plan(rotation, { secret, tasks: [...drifted(rotation), aSet(rotation, blind, { attempt: 2 })] });

    expect(seen.status).toMatchObject({ drifted: 1, guests: [{ verified: 'False' }] });
    expect(dropped(seen)).not.toContain(1);
    expect(setBack.status).toMatchObject({ drifted: 0, guests: [{ verified: 'Unknown' }] });
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

describe('a look at an account that comes to nothing', () => {
  const rotation = aRotation();
  const secret = rotatedSecret(rotation);
  const failedLooks = (times: number, at: number) => [
    aSet(rotation, succeeded),
    ...Array.from({ length: times }, (_, index) =>
      aSet(rotation, failedWith('TimedOut', at), { attempt: index + 1, verify: true }),
    ),
  ];

  it('is made again after a wait that grows to driftCheckInterval, and the guest’s entry says so meanwhile', () => {
    const at = noon + 6 * hour;

    const once = plan(rotation, { secret, tasks: failedLooks(1, at), now: at + second });
    const often = plan(rotation, { secret, tasks: failedLooks(30, at), now: at + second });

    expect([told(once), once.lookAgainMs, often.lookAgainMs]).toEqual([[], 9 * second, 6 * hour - second]);
    expect(told(plan(rotation, { secret, tasks: failedLooks(1, at), now: at + 10 * second }))).toEqual([
      ['verifyPassword', 'a', first.password, 2],
    ]);
    const message = 'not looked at since 2026-01-01T12:00:00Z: it says no';
    expect(once.status.guests).toMatchObject([{ phase: 'Succeeded', verified: 'True', reason: 'TimedOut', message }]);
  });

  it('goes on being told while the next one is under way', () => {
    const at = noon + 6 * hour;
    const tasks = [...failedLooks(1, at), aSet(rotation, running, { attempt: 2, verify: true })];

    const { status } = plan(rotation, { secret, tasks, now: at + minute });

    expect(status.guests).toMatchObject([{ reason: 'TimedOut' }]);
  });

  it('leaves nobody believe that the password is verified once another one is long due', () => {
    const verified = (at: number) =>
      plan(rotation, { secret, tasks: failedLooks(4, at), now: at + second }).status.conditions?.find(
        ({ type }) => type === 'Verified',
      );

    expect(verified(noon + 6 * hour)).toMatchObject({ status: 'True' });
    expect(verified(noon + 12 * hour)).toMatchObject({ status: 'Unknown', reason: 'NotLookedAt' });
  });

  it('leaves the tasks behind that its waits are counted by', () => {
    const tasks = failedLooks(9, noon + 6 * hour).map((task, index) =>
      index === 0 ? { ...task, status: { ...task.status, password: verifiedAs('True') } } : task,
    );

    expect(dropped(plan(rotation, { secret, tasks, now: noon + 6 * hour }))).not.toContain(0);
  });
});
