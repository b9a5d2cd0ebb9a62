import { expect, it } from 'vitest';
import { apiVersion, domainUuidLabel, type GuestTask, guestExecJobs } from '../../src/api/resources.ts';
import { isOverPhase } from '../../src/api/tasks.ts';
import { execScenario } from './exec-scenario.ts';
import type { Scenario } from './scenario.ts';
import { simulate } from './simulate.ts';
import type { SimulatedGuest } from './simulated-guest.ts';
import type { World } from './world.ts';

const guests = Array.from({ length: 12 }, (_, index) => `web-${index + 1}`);
const hosts = [{ node: 'hv1', guests }];
const sickGuest = 'web-1';
const commandMs = 500;
/** From a job's apply to a result: the command, its launch, polls that grow with its age, and the writes between. */
const promptMs = commandMs + 500;

const sicknesses: Record<string, (guest: SimulatedGuest) => void> = {
  'answers nothing': (guest) => guest.stall(60_000),
  'takes seconds for each answer': (guest) => {
    guest.answersWithinMs = [2000, 4000];
  },
  'restarts its agent all the time': (guest) => guest.restartAgent({ killing: false }),
};

/** One job after the other in all guests, one of which falls sick before the first. */
function jobsBesides(sicken: (guest: SimulatedGuest) => void): Scenario {
  return {
    begin(world) {
      const sick = world.guests.find(({ name }) => name === sickGuest) as SimulatedGuest;
      for (let second = 2; second < 20; second++) world.timeline.in(second * 1000, () => sicken(sick));
      for (let number = 1; number <= 4; number++) {
        world.timeline.in(2000 + 3000 * number, () => applyJob(world, `job-${number}`));
      }
    },
    open: execScenario.open,
  };
}

function applyJob({ api }: World, name: string): void {
  api.create(guestExecJobs, {
    apiVersion,
    kind: 'GuestExecJob',
    metadata: { name, namespace: 'default' },
    spec: {
      target: { selector: { matchExpressions: [{ key: domainUuidLabel, operator: 'Exists' }] } },
      exec: { command: ['work', name, String(commandMs), '0'] },
      parallelism: 100,
      startingDeadlineSeconds: 600,
    },
  });
}

/** How long each task of a guest that is not sick took from its creation to its result, in simulated milliseconds. */
function measured(scenario: Scenario, took: number[]): Scenario {
  return {
    ...scenario,
    begin(world, ms) {
      const made = new Map<string | undefined, number>();
      world.api.onChange(({ plural, before, after }) => {
        if (plural !== 'guesttasks' || !after) return;
        const { metadata, spec, status } = after as GuestTask;
        if (!before) made.set(metadata.uid, world.timeline.elapsed);
        const over = isOverPhase(status?.phase) && !isOverPhase((before as GuestTask | undefined)?.status?.phase);
        if (over && spec.guestName !== sickGuest) took.push(world.timeline.elapsed - (made.get(metadata.uid) ?? 0));
      });
      scenario.begin(world, ms);
    },
  };
}

it.each(Object.entries(sicknesses))('lets no guest wait for one that %s', async (_, sicken) => {
  for (let seed = 1; seed <= 5; seed++) {
    const took: number[] = [];

    const { violations } = await simulate({
      seed,
      profile: { name: 'none' },
      hosts,
      scenarios: [measured(jobsBesides(sicken), took)],
    });

    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(took).toHaveLength(4 * (guests.length - 1));
    expect(Math.max(...took)).toBeLessThan(promptMs);
  }
});
