import { expect, it } from 'vitest';
import { decideRepair, type RepairObservation } from '../../../src/agent/repair-decision.ts';

const minute = 60_000;

function decide(observed: Partial<RepairObservation>) {
  return decideRepair({
    broken: true,
    policy: 'Auto',
    asked: false,
    heldUntil: undefined,
    inVain: 0,
    lastAt: undefined,
    now: 10 * minute,
    ...observed,
  });
}

it('mends a broken channel at once, and leaves a whole one alone', () => {
  expect(decide({})).toEqual({ do: 'replug' });
  expect(decide({ broken: false })).toEqual({ do: 'nothing' });
});

it('waits longer each time that it was in vain', () => {
  expect(decide({ inVain: 1, lastAt: 9.5 * minute })).toEqual({ do: 'wait', ms: minute / 2 });
  expect(decide({ inVain: 1, lastAt: 9 * minute })).toEqual({ do: 'replug' });
  expect(decide({ inVain: 3, lastAt: 9 * minute })).toEqual({ do: 'wait', ms: 3 * minute });
  expect(decide({ inVain: 50, lastAt: 9 * minute })).toEqual({ do: 'wait', ms: 29 * minute });
});

it('never lets go of a guest that a freeze holds', () => {
  const held = { heldUntil: 10 * minute + 5000 };

  expect(decide(held)).toEqual({ do: 'wait', ms: 5000 });
  expect(decide({ ...held, asked: true })).toEqual({ do: 'wait', ms: 5000 });
});

it('leaves it to a person where the policy says so', () => {
  expect(decide({ policy: 'Manual' })).toEqual({ do: 'nothing' });
  expect(decide({ policy: 'Manual', asked: true })).toEqual({ do: 'replug' });
  expect(decide({ asked: true, broken: false, inVain: 2, lastAt: 10 * minute })).toEqual({ do: 'replug' });
});
