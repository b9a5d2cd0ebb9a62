import { describe, expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../../../src/api/resources.ts';
import { aGuest, aRotation, noon } from '../objects.ts';
import { aSet, day, hour, plan, rotatedSecret, running, succeeded, told } from './observed.ts';

describe('the next turn', () => {
  const at = (text: string) => Date.parse(text);

  it('comes an interval after the last one, later by the guest’s own share of the jitter', () => {
    const rotation = aRotation({ interval: '24h', jitter: '1h' });
    const secret = rotatedSecret(rotation);

    const { steps, status } = plan(rotation, { secret });
    const next = at(status.nextRotationTime ?? '');

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ rotated: '1/1', succeeded: 1, next: '24h', waiting: 0 });
    expect(next).toBeGreaterThanOrEqual(noon + day);
    expect(next).toBeLessThan(noon + day + hour);
    expect(told(plan(rotation, { secret, now: next + 1000 }))).toEqual([['prepare', 'a', undefined]]);
  });

  it('is spread over the fleet, the same way each time', () => {
    const rotation = aRotation({ interval: '240h' });
    const guests = Array.from({ length: 50 }, (_, index) => aGuest(`g${index}`));
    const secrets = new Map(
      guests.map((guest) => rotatedSecret(rotation, guest)).map((each) => [each.metadata.name, each]),
    );
    const turns = () => plan(rotation, { guests, secrets }).courses.map(({ next }) => next ?? 0);

    const spread = Math.max(...turns()) - Math.min(...turns());

    expect(spread).toBeGreaterThan(12 * hour);
    expect(spread).toBeLessThan(24 * hour);
    expect(turns()).toEqual(turns());
  });

  it('comes when the schedule says, in its time zone', () => {
    const rotation = aRotation({ schedule: '0 3 * * *', timeZone: 'Europe/Berlin' });
    const secret = rotatedSecret(rotation);

    expect(plan(rotation, { secret }).status.nextRotationTime).toBe('2026-01-02T02:00:00Z');
    expect(told(plan(rotation, { secret, now: at('2026-01-02T02:00:01Z') }))).toEqual([['prepare', 'a', undefined]]);
  });

  it('is made up for however late, or left out after startingDeadlineSeconds', () => {
    const late = at('2026-01-02T02:30:00Z');
    const patient = aRotation({ schedule: '0 2 * * *' });
    const strict = aRotation({ schedule: '0 2 * * *', startingDeadlineSeconds: 600, driftCheckInterval: '8760h' });

    expect(told(plan(patient, { secret: rotatedSecret(patient), now: late }))).toEqual([['prepare', 'a', undefined]]);
    expect(told(plan(strict, { secret: rotatedSecret(strict), now: late }))).toEqual([]);
    expect(plan(strict, { secret: rotatedSecret(strict), now: late }).status.nextRotationTime).toBe(
      '2026-01-03T02:00:00Z',
    );
  });

  it('never comes by itself without interval and schedule', () => {
    const rotation = aRotation();

    const { steps, status } = plan(rotation, { secret: rotatedSecret(rotation), now: noon + hour });

    expect(steps).toEqual([]);
    expect(status.next).toBeUndefined();
  });

  it('comes at once for a domain that took the guest’s name, for a missing password, and by the annotation once', () => {
    const rotation = aRotation();
    const asked = aRotation({}, { annotations: { [rotateNowAnnotation]: '1' } });
    const replaced = rotatedSecret(rotation, aGuest('z'));
    const emptied = rotatedSecret(rotation);
    const { password: _, ...rest } = emptied.data ?? {};

    const served = rotatedSecret(asked);
    expect(
      told(plan(rotation, { secret: { ...replaced, metadata: { ...replaced.metadata, name: 'a-app' } } })),
    ).toHaveLength(1);
    expect(told(plan(rotation, { secret: { ...emptied, data: rest } }))).toHaveLength(1);
    expect(told(plan(asked, { secret: rotatedSecret(rotation) }))).toEqual([['prepare', 'a', undefined]]);
    expect(told(plan(asked, { secret: served }))).toEqual([]);
  });

  it('is waited for while a look is under way: whoever asked for it is told so', () => {
    const asked = aRotation({}, { annotations: { [rotateNowAnnotation]: '1' } });
    const secret = rotatedSecret(aRotation());
    const tasks = [aSet(asked, succeeded), aSet(asked, running, { attempt: 1, verify: true })];

    const { steps, status } = plan(asked, { secret, tasks });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ observedRotateNow: '1', waiting: 1, succeeded: 0 });
  });
});
