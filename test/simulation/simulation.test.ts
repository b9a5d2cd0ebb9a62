import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { guestTasks } from '../../src/api/resources.ts';
import { type FaultProfile, profiles } from './faults.ts';
import { people } from './people.ts';
import { simulate } from './simulate.ts';

const {
  SEED: seedToReplay,
  PEOPLE: peopleToReplay,
  PROFILE: profileToReplay,
  SEEDS: seedsInAll = '10000',
  FROM: firstSeed = '1',
} = process.env;

/** How many of a hundred seeds each profile gets. */
const shares: Record<string, number> = { none: 2, api: 23, crashes: 25, guests: 25, all: 25 };
const mostReported = 3;
/** A sample so small may miss any rare thing. */
const fewSeeds = 100;

async function search(who: string, profile: FaultProfile): Promise<void> {
  const first = Number(firstSeed);
  const { share = 1, ...doing } = people[who] ?? {};
  const seeds = Math.ceil((Number(seedsInAll) * (shares[profile.name] ?? 0) * share) / 100);
  const failures: string[] = [];
  const happened = new Set<string>();
  let results = 0;
  let tasks = 0;
  for (let seed = first; seed < first + seeds && failures.length < mostReported; seed++) {
    const { violations, world } = await simulate({ seed, profile, ...doing });
    if (violations.length > 0) failures.push(told(seed, who, profile, violations));
    for (const what of world.tally.keys()) happened.add(what);
    const all = world.api.list(guestTasks).items.filter(({ spec }) => spec.action.exec);
    tasks += all.length;
    results += all.filter(({ status }) => status?.exec).length;
    await setImmediate();
  }

  expect(failures, failures.join('\n\n')).toEqual([]);
  if (seeds < fewSeeds) return;
  // A storm that never came, or that nothing survived, would show nothing.
  expect(Object.keys(profile.incidents ?? {}).filter((each) => !happened.has(each))).toEqual([]);
  if (tasks > 0) expect(results / tasks).toBeGreaterThan(0.7);
}

function told(seed: number, who: string, { name }: FaultProfile, violations: readonly string[]): string {
  return [
    `seed ${seed} of profile ${name}, people ${who}:`,
    ...violations.slice(0, 5).map((each) => `  ${each.slice(0, 500)}`),
    `  see it happen: SEED=${seed} PEOPLE=${who} PROFILE=${name} npx vitest run --project simulation simulation.test.ts`,
  ].join('\n');
}

async function replay(seed: number, who: string, profile: FaultProfile): Promise<void> {
  const lines: string[] = [];
  const { violations } = await simulate({ seed, profile, ...people[who], write: (line) => lines.push(line) });
  console.log(`${lines.join('\n')}\n`);
  expect(violations).toEqual([]);
}

const asked = <T>(all: readonly T[], name: (of: T) => string, wanted: string | undefined) =>
  all.filter((each) => seedToReplay === undefined || wanted === undefined || name(each) === wanted);

describe.each(asked(Object.keys(people), (name) => name, peopleToReplay))('with people that %s', (who) => {
  const weathers = asked(profiles, ({ name }) => name, profileToReplay);
  if (seedToReplay === undefined) {
    it.each(weathers)('keeps what it promises, in weather $name', (profile) => search(who, profile));
  } else {
    it.each(weathers)(`comes to a good end from seed ${seedToReplay}, in weather $name`, (profile) =>
      replay(Number(seedToReplay), who, profile),
    );
  }
});
