import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';

/** How late a write may be on a machine under load. */
const toleranceMs = 600;
let guest: TestGuest;
let writer: WriteWatcher;

beforeAll(async () => {
  guest = await sharedGuest('web-2');
  writer = await watchWrites(guest);
});

afterAll(() => writer.stop());

test('a writer in the guest tells when its filesystem was frozen', async () => {
  const asked = Date.now();
  await guest.agent('guest-fsfreeze-freeze');
  const frozen = Date.now();
  await delay(2000);
  const askedBack = Date.now();
  await guest.agent('guest-fsfreeze-thaw');
  const thawed = Date.now();
  await writer.nextWrite();

  const intervals = writer.frozenIntervals();

  expect(intervals).toEqual([{ from: expect.any(Number), to: expect.any(Number) }]);
  const { from, to = 0 } = intervals[0] ?? { from: 0 };
  expect(from).toBeGreaterThan(asked - toleranceMs);
  expect(from).toBeLessThan(frozen + toleranceMs);
  expect(to).toBeGreaterThan(askedBack - toleranceMs);
  expect(to).toBeLessThan(thawed + toleranceMs);
});

test('it tells of a freeze that still lasts', async () => {
  const before = writer.frozenIntervals().length;
  await guest.agent('guest-fsfreeze-freeze');

  await expect.poll(() => writer.frozenIntervals().slice(before)).toEqual([{ from: expect.any(Number) }]);

  await guest.agent('guest-fsfreeze-thaw');
  await writer.nextWrite();
});

test('it does not take a slow disk for a frozen filesystem', async () => {
  const before = writer.frozenIntervals();
  const throttle = (operations: number) =>
    sharedHypervisor().virsh(['blkdeviotune', guest.uuid, 'vda', '--total-iops-sec', String(operations)]);
  const written = async () => Number((await guest.sh('tail -n 1 /data/watched')).stdout);
  await throttle(1);
  const first = await written();

  await delay(3000);

  const writes = (await written()) - first;
  await throttle(0);
  await writer.nextWrite();
  expect(writes).toBeLessThan(6);
  expect(writer.frozenIntervals()).toEqual(before);
});
