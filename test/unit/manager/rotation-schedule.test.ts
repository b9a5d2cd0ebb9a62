import { expect, it } from 'vitest';
import { turnsOf } from '../../../src/manager/rotation-schedule.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aRotation, noon } from './objects.ts';

const day = 24 * 60 * 60_000;

it.each([
  ['an instant of the schedule', { schedule: '0 3 * * *', jitter: '1h' }],
  ['an interval', { interval: '24h', jitter: '1h' }],
])('gives a guest one turn for %s, in whatever split second it is rotated', (_, spec) => {
  const turns = turnsOf(aRotation(spec));
  const guests = Array.from({ length: 100 }, (_each, index) => `guest-${index}`);

  const waits = guests.map((guest) => {
    const due = turns.next(guest, noon, noon) ?? 0;
    // The Secret says when, to the second.
    const rotatedAt = Date.parse(timestamp(due + 1));
    return (turns.next(guest, rotatedAt, due + 1) ?? 0) - due;
  });

  expect(Math.min(...waits)).toBeGreaterThan(day - 1000);
});
