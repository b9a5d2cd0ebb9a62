import { execScenario } from './exec-scenario.ts';
import { freezeInvariants, thawedInTime } from './freeze-invariants.ts';
import { freezeScenario } from './freeze-scenario.ts';
import { invariants, nothingLeft } from './invariants.ts';
import type { SimulationOptions } from './simulate.ts';

interface People extends Pick<SimulationOptions, 'scenarios' | 'invariants' | 'bare'> {
  /** Of the seeds that the others get. */
  share?: number;
}

/** What people do in a world, and what must hold then. */
export const people: Record<string, People> = {
  exec: { scenarios: [execScenario], invariants },
  freeze: { scenarios: [freezeScenario, execScenario], invariants: [...invariants, ...freezeInvariants] },
  /**
   * Only hosts thaw such guests. Nobody knows in which boot these are: one that was started anew and frozen by somebody
   * else, all between two looks, can't be told from one that stayed frozen.
   */
  'freeze bare guests': {
    scenarios: [freezeScenario],
    invariants: [nothingLeft, thawedInTime],
    bare: true,
    share: 0.1,
  },
};
