import { describe, expect, it } from 'vitest';
import { aGuest, aRotation, noon } from '../objects.ts';
import {
  a,
  aSet,
  blocking,
  day,
  dropped,
  failedWith,
  first,
  notAsTheSecret,
  pendingSecret,
  plan,
  rotatedSecret,
  running,
  silent,
  succeeded,
  told,
} from './observed.ts';

describe('a fleet', () => {
  const fleet = Array.from({ length: 10 }, (_, index) => aGuest(`g${index}`));

  it('is rotated a few guests at a time, retries first', () => {
    const rotation = aRotation({ parallelism: '20%' });
    const secret = pendingSecret(rotation, aGuest('g7'));

    const { steps, status } = plan(rotation, { guests: fleet, secret });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([
      ['setPassword', 'g7', first.password, 0],
      ['prepare', 'g0', undefined],
    ]);
    expect(status).toMatchObject({ targets: 10, active: 2, waiting: 8, rotated: '0/10' });
    expect(status.guests?.find(({ name }) => name === 'g1')).toMatchObject({ phase: 'Pending', reason: 'Queued' });
  });

  it.each([
    ['of a guest', aGuest('a')],
    ['of a suspended guest', aGuest('a', { suspend: true })],
  ])('is not held up by the task %s whose host has fallen silent, however long', (_, guest) => {
    const rotation = aRotation({ parallelism: 1 });
    const tasks = [aSet(rotation, running)];
    const guests = [silent(guest), aGuest('b')];

    const { steps, status } = plan(rotation, { guests, secret: pendingSecret(rotation), tasks, now: noon + day });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([['prepare', 'b', undefined]]);
    expect(status).toMatchObject({ waiting: 1, active: 1 });
    expect(status.guests).toContainEqual(expect.objectContaining({ name: 'a', phase: 'Running', reason: 'HostDown' }));
  });

  it('is not held up by a look at a guest whose host has fallen silent', () => {
    const rotation = aRotation({ parallelism: 1 });
    const tasks = [aSet(rotation, running, { verify: true })];
    const guests = [silent(a), aGuest('b')];

    const { steps, status } = plan(rotation, { guests, secret: rotatedSecret(rotation), tasks });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([['prepare', 'b', undefined]]);
    expect(status).toMatchObject({ succeeded: 1, active: 1 });
  });

  it('of ten thousand has a status of bounded size, the worst guests first, and exact counters', () => {
    const rotation = aRotation();
    const many = Array.from({ length: 10_000 }, (_, index) => aGuest(`guest-${index}`, { running: index % 100 !== 0 }));
    const secrets = new Map(
      many
        .slice(0, 9000)
        .map((guest) => rotatedSecret(rotation, guest))
        .map((each) => [each.metadata.name, each]),
    );
    const parked = blocking(aGuest('parked'), 'guest-set-user-password');

    const { status } = plan(rotation, { guests: [...many, parked], secrets });

    expect(status).toMatchObject({ targets: 10_001, succeeded: 9000, parked: 1, rotated: '9000/10001' });
    expect(status.guests).toHaveLength(100);
    expect(status.guests?.[0]).toMatchObject({ name: 'parked' });
    expect(JSON.stringify(status).length).toBeLessThan(100_000);
  });

  it('leaves only a guest’s last tasks behind, and the failed attempts at a password that is pending', () => {
    const rotation = aRotation();
    const secret = pendingSecret(rotation);
    const old = [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, succeeded, { attempt, value: `old-${attempt}` }));
    const failed = (reason: string) =>
      [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, failedWith(reason), { attempt }));

    expect(dropped(plan(rotation, { secret: rotatedSecret(rotation), tasks: old }))).toEqual([1, 0]);
    expect(dropped(plan(rotation, { secret, tasks: failed('NotVerified') }))).toEqual([]);
    expect(dropped(plan(rotation, { secret, tasks: failed('Undeliverable') }))).toEqual([1, 0]);
  });

  it.each(['a hindrance', 'no hindrance'])('leaves them behind with %s in the Secret’s way', (which) => {
    const rotation = aRotation();
    const tasks = [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, failedWith('NotVerified'), { attempt }));
    const hindrance = { reason: 'SecretNotWritten', message: 'a quota', isRetried: false };
    const hindrances = new Map(which === 'a hindrance' ? [['a-app', hindrance]] : []);

    expect(dropped(plan(rotation, { secret: pendingSecret(rotation), tasks, hindrances }))).toEqual([]);
  });

  it('leaves behind what a drifted account is known by, however often it could not be set back', () => {
    const rotation = aRotation({ drift: 'Enforce' });
    const secret = rotatedSecret(rotation);
    const seen = [aSet(rotation, succeeded), aSet(rotation, notAsTheSecret, { attempt: 1, verify: true })];
    const then = (reason: string) => [2, 3, 4, 5].map((attempt) => aSet(rotation, failedWith(reason), { attempt }));

    const unreached = plan(rotation, { secret, tasks: [...seen, ...then('Undeliverable')] });

    expect(unreached.status).toMatchObject({ drifted: 1 });
    expect(dropped(unreached)).toEqual([2, 0]);
    expect(dropped(plan(rotation, { secret, tasks: [...seen, ...then('DeadlineExceeded')] }))).toEqual([0]);
  });
});
