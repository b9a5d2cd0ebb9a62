import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { within } from '../../../src/kube/within.ts';
import { systemClock } from '../../../src/seams/clock.ts';

const late = () => new Error('late');

async function untilAborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

it('ends a call that takes too long with the error it was given', async () => {
  await expect(within(systemClock, 5, late, undefined, untilAborted)).rejects.toThrow('late');
});

it("ends a call with its caller's reason when that aborts", async () => {
  const stop = new AbortController();
  const calling = within(systemClock, 60_000, late, stop.signal, untilAborted);

  stop.abort(new Error('stopping'));

  await expect(calling).rejects.toThrow('stopping');
});

it('does not begin under a signal that has aborted', async () => {
  let begun = false;
  const calling = within(systemClock, 60_000, late, AbortSignal.abort(new Error('stopped')), async () => {
    begun = true;
  });

  await expect(calling).rejects.toThrow('stopped');
  expect(begun).toBe(false);
});

it('leaves nothing behind at a signal that outlives many calls', async () => {
  const stop = new AbortController();

  for (let i = 0; i < 100; i++) await within(systemClock, 60_000, late, stop.signal, async () => i);
  await within(systemClock, 60_000, late, stop.signal, async () => Promise.reject(new Error('failed'))).catch(() => {});

  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});
