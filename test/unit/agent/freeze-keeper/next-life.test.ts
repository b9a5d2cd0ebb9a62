import { expect, it } from 'vitest';
import { worthOf } from '../../../../src/guest/freeze-worth.ts';
import type { Hold } from '../../../../src/guest/hold.ts';
import { systemClock } from '../../../../src/seams/clock.ts';
import { SimulatedFreezer, silence } from '../../support/simulated-freezer.ts';
import { folder, hold, leftBehind, live, noteOf, until, useLives } from './lives.ts';

useLives();

it.each<[string, Partial<Hold>, string]>([
  ['whose freeze may have been sent', { stage: 'planned' }, 'ConsistencyLost'],
  ['that is overdue', { stage: 'held', deadline: 0 }, 'Consistent'],
])('thaws a guest that an earlier life left %s, with no API server', async (_, left, verdict) => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const frozen = { frozen: 1 };
  const frozenAt = '2026-01-01T12:00:00.000000Z';
  const result = left.stage === 'held' ? { frozenAt, filesystems: frozen } : {};
  await leftBehind(state, hold(60_000, { ...left, result }));

  const { journal } = await live(freezer, state);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
  expect(worthOf(noteOf(journal) as Hold).result).toMatchObject({ verdict, endedBy: 'AgentRestart' });
});

it('goes on holding what an earlier life held, and thaws it in time', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const result = { frozenAt: '2026-01-01T12:00:00.000000Z', filesystems: { frozen: 1 } };
  await leftBehind(state, hold(3000, { stage: 'held', result }));

  const { journal } = await live(freezer, state);
  await until(() => freezer.calls.includes('status'));
  expect(freezer.frozen).toBe(true);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(worthOf(noteOf(journal) as Hold).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Deadline' });
});

it('thaws as soon as libvirt is back', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  freezer.connected = false;
  const state = folder();
  await leftBehind(state, hold());
  const { journal } = await live(freezer, state);
  await systemClock.sleep(50);

  freezer.connected = true;
  freezer.tell({ type: 'connected' });
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
});

it('lets go of everything when the process is asked to end, and has it on the disk', async () => {
  const freezer = new SimulatedFreezer();
  const life = await live(freezer, folder());
  life.keeper.begin(life.guest, 'task', hold());
  await until(() => freezer.frozen);

  await life.end();

  expect(freezer.frozen).toBe(false);
  expect(noteOf(life.journal)).toMatchObject({ stage: 'over', ending: { by: 'AgentShutdown' } });
});

it('leaves to the next life what it can not thaw within its grace', async () => {
  const freezer = new SimulatedFreezer();
  const state = folder();
  const life = await live(freezer, state);
  life.keeper.begin(life.guest, 'task', hold());
  await until(() => freezer.frozen);
  freezer.before = (call) => {
    if (call === 'thaw') throw silence();
  };

  await life.end();
  expect(freezer.frozen).toBe(true);
  freezer.before = () => {};
  const { journal } = await live(freezer, state);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
});
