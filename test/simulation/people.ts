import { execScenario } from './exec-scenario.ts';
import { freezeInvariants } from './freeze-invariants.ts';
import { freezeScenario } from './freeze-scenario.ts';
import { invariants } from './invariants.ts';
import type { SimulationOptions } from './simulate.ts';

/** What people do in a world, and what must hold then. */
export const people: Record<string, Pick<SimulationOptions, 'scenarios' | 'invariants'>> = {
  exec: { scenarios: [execScenario], invariants },
  freeze: { scenarios: [freezeScenario, execScenario], invariants: [...invariants, ...freezeInvariants] },
};
