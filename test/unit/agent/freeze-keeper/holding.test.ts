import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { FreezeKeeperOptions } from '../../../../src/agent/freeze-keeper.ts';
import { worthOf } from '../../../../src/guest/freeze-worth.ts';
import { systemClock } from '../../../../src/seams/clock.ts';
import { broken, SimulatedFreezer, silence } from '../../support/simulated-freezer.ts';
import { folder, hold, live, noteOf, until, useLives } from './lives.ts';

useLives();

it('has the deadline on the disk before the freeze is sent', async () => {
  const freezer = new SimulatedFreezer();
  const state = folder();
  const { keeper, guest } = await live(freezer, state);
  const onDisk: string[] = [];
  freezer.before = (call) => {
    if (call === 'freeze') onDisk.push(readFileSync(join(state, 'journal.jsonl'), 'utf8'));
  };
  const planned = hold();

  const holder = keeper.begin(guest, 'task', planned);
  await until(() => freezer.frozen);
  holder.end({ by: 'Release' });

  expect(worthOf(await holder.done).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Release' });
  expect(onDisk).toHaveLength(1);
  expect(onDisk[0]).toContain(`"deadline":${planned.deadline}`);
});

it('tells nobody of a guest that is frozen while the answer of another is on its way: that would put it off', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const told: string[] = [];
  const onChange: FreezeKeeperOptions['onChange'] = (uuid, { stage }) => {
    if (stage === 'held') told.push(`${uuid}, other answered: ${answered}`);
  };
  // A quarter of a second is too short for a busy machine, were it ten times as fast.
  const { keeper, registry, journal } = await live(freezer, folder(), { onChange, time: systemClock });
  let answered = false;
  Object.assign(freezer, {
    async fsFreeze(uuid: string) {
      if (uuid === 'slow') {
        await until(() => noteOf(journal, 'quick')?.stage === 'held');
        await setImmediate();
        answered = true;
      }
      return 1;
    },
  });

  for (const uuid of ['quick', 'slow']) keeper.begin(registry.get(uuid), uuid, hold());
  await until(() => told.length === 2);

  expect(told).toEqual(['quick, other answered: true', 'slow, other answered: true']);
});

it.each([
  // Whatever else is asked of the guest waits for what it is at (C16) …
  ['silence', silence, true],
  // … unless that is not on its way yet.
  ['a broken connection', broken, false],
])('thaws a freeze that was answered by %s and came true later', async (_, error, inOrder) => {
  const freezer = new SimulatedFreezer();
  const { keeper, guest } = await live(freezer, folder());
  let arrived = Promise.resolve();
  freezer.before = async (call) => {
    if (call === 'freeze') {
      arrived = comesTrue(freezer);
      throw error();
    }
    if (inOrder) await arrived;
  };

  const { stage, ...rest } = await keeper.begin(guest, 'task', hold()).done;

  expect(stage).toBe('over');
  expect(freezer.frozen).toBe(false);
  expect(worthOf({ stage, ...rest })).toMatchObject({ succeeded: false, reason: 'FreezeUnanswered' });
});

async function comesTrue(freezer: SimulatedFreezer): Promise<void> {
  await systemClock.sleep(20);
  freezer.frozen = true;
}

it('does not touch a guest that somebody else has frozen', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const { keeper, guest } = await live(freezer, folder());

  const over = await keeper.begin(guest, 'task', hold()).done;

  expect(worthOf(over).reason).toBe('AlreadyFrozen');
  expect(freezer.frozen).toBe(true);
  expect(freezer.calls).not.toContain('thaw');
});
