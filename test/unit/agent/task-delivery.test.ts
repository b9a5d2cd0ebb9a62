import { expect, it } from 'vitest';
import { withOutcome } from '../../../src/agent/task-delivery.ts';
import { aFreezeTask, aGuest, aWindow, held, noon } from '../manager/objects.ts';

const lost = { phase: 'Unknown', reason: 'JournalLost' } as const;

it('keeps what was told of a freeze when a task ends of which nothing newer is known, and no debt that nobody settles', () => {
  const { phase, freeze } = held();
  const owed = aFreezeTask(aWindow(), aGuest('web-1'), { phase, freeze: { ...freeze, thawOwed: true } });

  expect(withOutcome(owed, lost, noon).status).toMatchObject({ ...lost, freeze });
  expect(withOutcome(owed, lost, noon).status?.freeze).not.toHaveProperty('thawOwed');
});

it('says what became of a freeze in place of what was told before', () => {
  const freeze = { verdict: 'ConsistencyLost', endedBy: 'Guard' } as const;
  const task = aFreezeTask(aWindow(), aGuest('web-1'), held());

  expect(withOutcome(task, { ...lost, freeze }, noon).status?.freeze).toEqual(freeze);
});

it('tells nothing of a freeze where there was none', () => {
  expect(withOutcome(aFreezeTask(aWindow(), aGuest('web-1')), lost, noon).status).not.toHaveProperty('freeze');
});
