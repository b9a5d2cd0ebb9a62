import { expect, it } from 'vitest';
import { SimulatedFreezer } from '../../support/simulated-freezer.ts';
import { abandon, folder, hold, leftBehind, live, noteOf, useLives } from './lives.ts';

useLives();

it('thaws what belongs to a task that is gone', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const result = { frozenAt: '2026-01-01T12:00:00.000000Z', filesystems: { frozen: 1 } };
  await leftBehind(state, hold(60_000, { stage: 'held', result }));
  const life = await live(freezer, state);

  await abandon(life);

  expect(freezer.frozen).toBe(false);
  expect(noteOf(life.journal)).toMatchObject({ stage: 'over', ending: { by: 'Deletion' } });
});

it.each(['GuestMoved', 'JournalLost'] as const)(
  'thaws what may be frozen of a task that is deleted before it was taken over for %s, and then disarms its guard',
  async (why) => {
    const freezer = new SimulatedFreezer();
    freezer.frozen = true;
    freezer.armed = 'task';
    const life = await live(freezer, folder());
    await life.journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze', takenOver: why });

    await abandon(life);

    expect(freezer).toMatchObject({ frozen: false, armed: undefined });
  },
);

it('leaves alone a guest whose freeze was only prepared when its task went, and disarms the guard', async () => {
  const freezer = new SimulatedFreezer();
  freezer.armed = 'task';
  const life = await live(freezer, folder());
  await life.journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze' });

  await abandon(life);

  expect(freezer.armed).toBeUndefined();
  expect(freezer.calls).not.toContain('thaw');
});
