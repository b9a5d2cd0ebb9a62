import { expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';

it('runs what falls due in its order, and what that starts on the way', async () => {
  const clock = new FakeClock();
  const seen: [string, number][] = [];
  clock.after(30, () => seen.push(['later', clock.monotonic()]));
  clock.after(10, () => {
    seen.push(['first', clock.monotonic()]);
    void clock.sleep(5).then(() => seen.push(['slept', clock.monotonic()]));
  });

  await clock.advance(30);

  expect(seen).toEqual([
    ['first', 10],
    ['slept', 15],
    ['later', 30],
  ]);
});

it('forgets a callback that was called off, and ends a sleep that was aborted', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const seen: string[] = [];
  const cancel = clock.after(10, () => seen.push('called off'));
  const sleeping = clock.sleep(10, stop.signal).catch((error: unknown) => error);

  cancel();
  stop.abort(new Error('stopped'));
  await clock.advance(20);

  expect(seen).toEqual([]);
  expect(await sleeping).toEqual(new Error('stopped'));
  expect(clock.waiting).toBe(0);
});
