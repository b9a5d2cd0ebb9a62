import { expect, it } from 'vitest';
import { profiles } from './faults.ts';
import { people } from './people.ts';
import { saboteurs } from './saboteurs.ts';
import { simulate } from './simulate.ts';

interface Expected {
  /** In which weather it shows, and how bad that is. */
  profile: string;
  severity?: number;
  /** Whose doings show it: those who run commands, if not said otherwise. */
  who?: keyof typeof people;
  breaks: RegExp;
}

const expected: Record<string, Expected> = {
  'the intent is not journalled before the guest is touched': { profile: 'crashes', breaks: /it ran|twice/ },
  'a task is claimed whatever became of it meanwhile': { profile: 'api', breaks: /it ran|its task says/ },
  'a missing claim counts as proof that nothing was started, in whichever boot': { profile: 'guests', breaks: /twice/ },
  'a report is taken for the run that was asked for, whoever wrote it': {
    profile: 'crashes',
    breaks: /its starts were/,
  },
  'what was sent and not answered is taken for not sent': { profile: 'guests', severity: 2.5, breaks: /twice/ },
  'a task is named anew each time it is made': { profile: 'crashes', breaks: /its task says|twice/ },
  'a freeze is not in the journal when it is sent': {
    profile: 'crashes',
    who: 'freeze',
    breaks: /says it is frozen/,
  },
  'a guard is armed for far too late': {
    profile: 'guests',
    who: 'freeze',
    breaks: /stays frozen longer/,
  },
  'the count of a thaw is not held against that of the freeze': {
    profile: 'guests',
    who: 'freeze',
    breaks: /never Consistent/,
  },
  'an outcome counts as delivered though its write failed': { profile: 'api', breaks: /is Running/ },
  'a task that came with its guest is begun anew': { profile: 'guests', breaks: /twice/ },
  'a watch that is too old goes on from now': { profile: 'api', breaks: /is Running/ },
};
/** Found in far fewer today. */
const mostSeeds = 500;

it.each(Object.entries(saboteurs))('is noticed when %s', async (name, saboteur) => {
  const { profile: profileName, severity = 1.2, who = 'exec', breaks } = expected[name] as Expected;
  const profile = profiles.find((each) => each.name === profileName) ?? { name: profileName };

  let noticed: string | undefined;
  for (let seed = 1; seed <= mostSeeds && noticed === undefined; seed++) {
    const { violations } = await simulate({ seed, profile, saboteur, severity, ...people[who] });
    noticed = violations.find((each) => breaks.test(each));
  }

  expect(noticed).toMatch(breaks);
});
