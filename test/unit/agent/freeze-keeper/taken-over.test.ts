import { expect, it } from 'vitest';
import { freezeAction } from '../../../../src/agent/actions/freeze-action.ts';
import type { FreezeResult } from '../../../../src/api/schema/freeze.ts';
import type { Sent, TakenOver } from '../../../../src/guest/journal.ts';
import { SimulatedFreezer } from '../../support/simulated-freezer.ts';
import { folder, live, runIn, useLives } from './lives.ts';

useLives();

/** A freeze that another agent or journal began, as its task tells of it, carried on here. */
async function takenOver(freezer: SimulatedFreezer, freeze: FreezeResult, why: TakenOver = 'GuestMoved') {
  const life = await live(freezer, folder());
  const sentBefore: Sent = { guest: 'uuid', action: 'freeze', takenOver: why };
  const { run, shown } = runIn(life, { sentBefore }, { phase: 'Held', freeze });
  const ending = await freezeAction.takeOver?.(run);
  return { ending, shown: shown.map(({ reason }) => reason) };
}

it('thaws a guest at once that came frozen from another host, and calls nothing consistent', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const frozenAt = '2026-01-01T12:00:00.000000Z';

  const { ending, shown } = await takenOver(freezer, { frozenAt, guard: 'Armed', thawOwed: true });

  expect(freezer.frozen).toBe(false);
  expect(shown).toContain('ThawOwed');
  expect(ending).toMatchObject({
    phase: 'Failed',
    reason: 'ConsistencyLost',
    freeze: { verdict: 'ConsistencyLost', endedBy: 'Migration', frozenAt },
  });
  expect(ending?.freeze?.thawOwed).toBeUndefined();
});

it('thaws a guest whose freeze a lost journal knew of, and then owes nothing', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const frozenAt = '2026-01-01T12:00:00.000000Z';

  const { ending, shown } = await takenOver(freezer, { frozenAt, thawOwed: true }, 'JournalLost');

  expect(freezer.frozen).toBe(false);
  expect(shown).toContain('ThawOwed');
  expect(ending).toMatchObject({
    phase: 'Failed',
    reason: 'ConsistencyLost',
    freeze: { verdict: 'ConsistencyLost', endedBy: 'AgentRestart', frozenAt },
  });
  expect(ending?.freeze).not.toHaveProperty('thawOwed');
});

it('disarms the guard that another host may have armed before it could tell', async () => {
  const freezer = new SimulatedFreezer();
  freezer.armed = 'task';

  await takenOver(freezer, { preparedAt: '2026-01-01T12:00:00.000000Z' });

  expect(freezer.armed).toBeUndefined();
});

it('does not freeze a guest on whose last host that had only been prepared', async () => {
  const freezer = new SimulatedFreezer();

  const { ending } = await takenOver(freezer, { preparedAt: '2026-01-01T12:00:00.000000Z' });

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'GuestMoved' });
  expect(freezer.calls).not.toContain('freeze');
});
