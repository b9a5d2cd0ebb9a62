import { randomInt as cryptoRandomInt } from 'node:crypto';
import type { PasswordPolicy } from '../../api/schema/password-policy.ts';
import { PasswordPolicyError } from './errors.ts';
import { alphabets, checkPolicy } from './policy.ts';

/** A whole number in [0, below), all of them equally likely. */
export type RandomInt = (below: number) => number;

/**
 * A fresh password. The required characters are drawn first, class by class, then the rest from all classes; the
 * shuffle leaves no trace of that order. Throws PasswordPolicyError where the policy admits none.
 */
export function generatePassword(policy: PasswordPolicy, randomInt: RandomInt = secureRandomInt): string {
  const problem = checkPolicy(policy);
  if (problem !== undefined) throw new PasswordPolicyError(problem);
  const used = alphabets(policy);
  const drawn = used.flatMap(({ characters, minimum }) => draw(minimum, characters, randomInt));
  const all = used.map(({ characters }) => characters).join('');
  drawn.push(...draw(policy.length - drawn.length, all, randomInt));
  shuffle(drawn, randomInt);
  return drawn.join('');
}

function secureRandomInt(below: number): number {
  return cryptoRandomInt(below);
}

function draw(count: number, characters: string, randomInt: RandomInt): string[] {
  return Array.from({ length: count }, () => characters.charAt(randomInt(characters.length)));
}

/** Fisher and Yates: every order is equally likely. */
function shuffle(characters: string[], randomInt: RandomInt): void {
  for (let last = characters.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [characters[other] as string, characters[last] as string];
  }
}
