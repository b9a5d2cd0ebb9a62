import { expect, it } from 'vitest';
import { FreezesUnderWay } from '../../../src/guest/freezes-under-way.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';

/** Whether the promise is settled by now. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), settled().then(() => false)]);
}

it('is calm when the last of the freezes under way is answered, and not before', async () => {
  const underWay = new FreezesUnderWay(new FakeClock());
  const [first, last] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const answers = [first, last].map(({ promise }) => underWay.send(() => promise));

  first.resolve(1);
  expect(await answers[0]).toBe(1);
  const calm = underWay.calm();
  expect(await isOver(calm)).toBe(false);

  last.reject(new Error('not frozen'));
  await expect(answers[1]).rejects.toThrow('not frozen');
  expect(await isOver(calm)).toBe(true);
});

it('waits for a guest that hangs no longer than a quarter of a second, and leaves no timer behind', async () => {
  const clock = new FakeClock();
  const underWay = new FreezesUnderWay(clock);
  void underWay.send(() => new Promise(() => {}));

  const calm = underWay.calm();
  await clock.advance(249);
  expect(await isOver(calm)).toBe(false);
  await clock.advance(1);
  expect(await isOver(calm)).toBe(true);
  expect(clock.waiting).toBe(0);
});

it('is calm at once when nothing is under way', async () => {
  expect(await isOver(new FreezesUnderWay(new FakeClock()).calm())).toBe(true);
});
