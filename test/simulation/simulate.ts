import { setImmediate } from 'node:timers/promises';
import { execScenario } from './exec-scenario.ts';
import { invariants, nothingLeft } from './invariants.ts';
import type { Invariant, Scenario } from './scenario.ts';
import { brew, clearUp } from './weather.ts';
import { World, type WorldOptions } from './world.ts';

export interface SimulationOptions extends WorldOptions {
  scenarios?: readonly Scenario[];
  invariants?: readonly Invariant[];
}

export interface Verdict {
  /** What is not as it must be; empty when all is well. */
  violations: string[];
  world: World;
}

const stormMs = 20_000;
/** Everything is waited for this long after the storm: longer than any back-off and any Lease. */
const patienceMs = 30 * 60_000;
const lookMs = 500;

/** One world from its beginning to its rest: a storm, then calm weather until everything has come to its end. */
export async function simulate(options: SimulationOptions): Promise<Verdict> {
  const world = new World(options);
  const scenarios = options.scenarios ?? [execScenario];
  const strays: unknown[] = [];
  // Errors by the thousand that nobody looks at: their stacks would cost more than all else.
  const { stackTraceLimit } = Error;
  if (!options.write) Error.stackTraceLimit = 0;
  const onStray = (error: unknown) => void strays.push(error);
  process.on('unhandledRejection', onStray);
  try {
    world.begin();
    brew(world, stormMs);
    for (const scenario of scenarios) scenario.begin(world, stormMs / 2);
    await world.timeline.run(() => false, stormMs);
    clearUp(world);
    const open = () => [...scenarios.flatMap((each) => each.open(world)), ...nothingLeft.violations(world)];
    await restOf(world, () => open().length === 0);
    const violations = open().map((each) => `${patienceMs / 60_000} minutes after the storm ${each}`);
    for (const { rule, violations: found } of options.invariants ?? invariants) {
      violations.push(...found(world).map((each) => `${rule}: ${each}`));
    }
    world.end();
    // Node tells of stray rejections when a turn is over.
    await setImmediate();
    return { violations: [...violations, ...strays.map((error) => `a stray rejection: ${String(error)}`)], world };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    process.off('unhandledRejection', onStray);
  }
}

/** Goes on until nothing is to be done any more, and stays so for a while: what comes late must do no harm. */
async function restOf({ timeline }: World, isAtRest: () => boolean): Promise<void> {
  const endMs = timeline.elapsed + patienceMs;
  let restingSince: number | undefined;
  const look = () => {
    restingSince = isAtRest() ? (restingSince ?? timeline.elapsed) : undefined;
    timeline.in(lookMs, look);
  };
  timeline.in(lookMs, look);
  const isOver = () => restingSince !== undefined && timeline.elapsed - restingSince >= 2 * lookMs;
  await timeline.run(isOver, endMs - timeline.elapsed);
}
