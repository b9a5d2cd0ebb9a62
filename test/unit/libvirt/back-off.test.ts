import { expect, test } from 'vitest';
import { BackOff } from '../../../src/libvirt/back-off.ts';

function backOff(random: () => number) {
  const time = { ms: 0 };
  const clock = { monotonic: () => time.ms, sleep: async () => {} };
  return { time, backOff: new BackOff({ random, clock }) };
}

test('waits twice as long each time, from a quarter of a second to ten', () => {
  const { backOff: delays } = backOff(() => 0);

  const waits = Array.from({ length: 8 }, () => delays.next());

  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('takes off up to a half at random', () => {
  const { backOff: delays } = backOff(() => 0.999);

  expect(delays.next()).toBeCloseTo(125, 0);
});

test('begins anew after a connection that stood, not after one that broke at once', () => {
  const { time, backOff: delays } = backOff(() => 0);
  delays.next();
  delays.next();

  delays.connected();
  time.ms += 9999;
  expect(delays.next()).toBe(1000);
  delays.connected();
  time.ms += 10_000;

  expect(delays.next()).toBe(250);
});
