import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterClasses, passwordCharacters } from '../../../../src/api/password-characters.ts';
import { PasswordPolicyError } from '../../../../src/manager/password/errors.ts';
import { generatePassword } from '../../../../src/manager/password/generate.ts';
import { checkPolicy, entropyBits } from '../../../../src/manager/password/policy.ts';
import { anyPolicy, policyOf } from './policies.ts';

describe('a generated password', () => {
  it('is what its policy says, or is refused with the sentence that the policy is', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        const problem = checkPolicy(policy);
        if (problem !== undefined) {
          expect(() => generatePassword(policy)).toThrow(new PasswordPolicyError(problem));
          return;
        }

        const characters = generatePassword(policy).split('');

        expect(characters).toHaveLength(policy.length);
        for (const name of characterClasses) {
          const ofClass = characters.filter((each) => passwordCharacters[name].includes(each)).length;
          if (policy.classes[name] === 0) expect(ofClass).toBe(0);
          else expect(ofClass).toBeGreaterThanOrEqual(policy.classes[name]);
        }
        expect(characters.filter((each) => policy.excludedCharacters.includes(each))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('has nothing in it that ends a field or a line, or that a shell reads as something else', () => {
    const everything = Object.values(passwordCharacters).join('');

    expect(everything).toMatch(/^[!-~]+$/);
    expect(everything).not.toMatch(/[:'"`\\$]/);
  });

  it('comes up with every possibility equally often, when chance does', () => {
    // Of a, b and 0, with at least one letter and one digit.
    const policy = {
      length: 3,
      classes: { lower: 1, upper: 0, digits: 1, symbols: 0 },
      excludedCharacters: 'cdefghijklmnopqrstuvwxyz123456789',
      minimumEntropyBits: 0,
    };

    const counts = countedOverAllChances((randomInt) => generatePassword(policy, randomInt));

    const letters = ['a', 'b', '0'];
    const possible = letters
      .flatMap((x) => letters.flatMap((y) => letters.map((z) => x + y + z)))
      .filter((each) => /[ab]/.test(each) && each.includes('0'));
    expect([...counts.keys()].toSorted()).toEqual(possible.toSorted());
    expect(new Set(counts.values())).toEqual(new Set([2]));
    // The likeliest one is no likelier than the entropy promises.
    expect(entropyBits(policy)).toBeLessThanOrEqual(-Math.log2(2 / 36));
  });

  it('favours no character and no place, by the chance it is really made with', () => {
    const passwords = Array.from({ length: 2000 }, () => generatePassword(policyOf()));
    const all = passwords.join('');

    const characters = Object.entries(passwordCharacters)
      .filter(([name]) => name !== 'symbols')
      .flatMap(([, alphabet]) =>
        alphabet.split('').map((character) => ({
          seen: all.split(character).length - 1,
          expected: 2000 * (1 / alphabet.length + 21 / 62),
        })),
      );
    const places = Array.from({ length: 24 }, (_, place) => ({
      seen: passwords.filter((each) => /\d/.test(each.charAt(place))).length,
      expected: (2000 * (1 + (21 * 10) / 62)) / 24,
    }));

    // With 61 and 23 degrees of freedom, an honest one in more than 10^12 runs goes beyond these.
    expect(chiSquare(characters)).toBeLessThan(200);
    expect(chiSquare(places)).toBeLessThan(120);
  });
});

function chiSquare(bins: { seen: number; expected: number }[]): number {
  return bins.reduce((sum, { seen, expected }) => sum + (seen - expected) ** 2 / expected, 0);
}

/** What `act` returns, and how often, over every sequence of answers that its calls for chance can get. */
function countedOverAllChances(act: (randomInt: (below: number) => number) => string): Map<string, number> {
  const counts = new Map<string, number>();
  let answers: number[] = [];
  for (;;) {
    const bounds: number[] = [];
    const result = act((below) => {
      bounds.push(below);
      return answers[bounds.length - 1] ?? 0;
    });
    counts.set(result, (counts.get(result) ?? 0) + 1);
    answers = bounds.map((_, index) => answers[index] ?? 0);
    while (answers.length > 0 && answers.at(-1) === (bounds[answers.length - 1] as number) - 1) answers.pop();
    if (answers.length === 0) return counts;
    answers.push((answers.pop() as number) + 1);
  }
}
