import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPolicy, entropyBits } from '../../../../src/manager/password/policy.ts';
import { anyPolicy, policyOf } from './policies.ts';

describe('a password policy', () => {
  it('without a word of its own asks for 24 letters and digits, far more than its minimum of 80 bits', () => {
    const policy = policyOf();

    expect(checkPolicy(policy)).toBeUndefined();
    expect(entropyBits(policy)).toBeCloseTo(2 * Math.log2(26) + Math.log2(10) + 21 * Math.log2(62), 9);
  });

  it.each([
    ['no class', { classes: { lower: 0, upper: 0, digits: 0 } }, 'every class of the password policy is 0'],
    [
      'minimums beyond its length',
      { length: 20, classes: { lower: 10, upper: 10 } },
      'ask for 21 characters and length is 20',
    ],
    [
      'a class of which everything is excluded',
      { excludedCharacters: '9876543210' },
      'leaves nothing of classes.digits',
    ],
    ['a length too short for its entropy', { length: 12 }, 'reaches 66 bits, minimumEntropyBits is 80: a length of 15'],
    [
      'too few characters for its entropy at any length',
      { length: 24, classes: { upper: 0, digits: 0 }, excludedCharacters: 'abcdefghijklmnopqrstuvwxy' },
      'reaches 0 bits, minimumEntropyBits is 80: use more classes or exclude fewer characters',
    ],
  ])('with %s is refused with a sentence that says so', (_, changes, sentence) => {
    expect(checkPolicy(policyOf(changes))).toContain(sentence);
  });

  it('that is refused for its length passes with the length that the sentence names, and with none shorter', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        const named = /a length of (\d+) would do/.exec(checkPolicy(policy) ?? '')?.[1];
        fc.pre(named !== undefined);

        expect(checkPolicy({ ...policy, length: Number(named) })).toBeUndefined();
        expect(checkPolicy({ ...policy, length: Number(named) - 1 })).toBeDefined();
      }),
      { numRuns: 100 },
    );
  });
});
