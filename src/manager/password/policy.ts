import {
  type CharacterClass,
  characterClasses,
  longestPassword,
  passwordCharacters,
} from '../../api/password-characters.ts';
import type { PasswordPolicy } from '../../api/schema/password-policy.ts';

/** What a policy leaves of one class. */
export interface Alphabet {
  name: CharacterClass;
  characters: string;
  /** At least this many of them. */
  minimum: number;
}

/** The classes that a policy takes characters of. */
export function alphabets({ classes, excludedCharacters }: PasswordPolicy): Alphabet[] {
  return characterClasses
    .map((name) => ({
      name,
      characters: passwordCharacters[name]
        .split('')
        .filter((each) => !excludedCharacters.includes(each))
        .join(''),
      minimum: classes[name],
    }))
    .filter(({ minimum }) => minimum > 0);
}

/**
 * How hard a password of this policy is to guess, in bits; a lower bound, for the Shannon entropy and for the
 * min-entropy alike. It is what the drawn characters carry, each from the alphabet it is drawn from, as if an attacker
 * knew at which places the required ones stand: those are drawn from fewer characters and so count for less.
 */
export function entropyBits(policy: PasswordPolicy): number {
  const used = alphabets(policy);
  const required = used.map(({ characters, minimum }) => minimum * Math.log2(characters.length));
  const free = policy.length - total(used.map(({ minimum }) => minimum));
  return total(required) + free * bitsPerCharacter(used);
}

/** What makes a policy unusable, in a sentence for whoever wrote it; undefined where nothing does. */
export function checkPolicy(policy: PasswordPolicy): string | undefined {
  const { length, minimumEntropyBits } = policy;
  const used = alphabets(policy);
  if (used.length === 0) return 'every class of the password policy is 0: there is nothing to make a password of';
  const empty = used.find(({ characters }) => characters === '');
  if (empty) return `excludedCharacters leaves nothing of classes.${empty.name}: exclude fewer, or set it to 0`;
  const required = total(used.map(({ minimum }) => minimum));
  if (required > length) return `the classes ask for ${required} characters and length is ${length}`;
  const bits = entropyBits(policy);
  if (bits >= minimumEntropyBits) return undefined;
  // Rounded down: a sentence that says 80 of 80 bits are too few helps nobody.
  const problem = `the password policy reaches ${Math.floor(bits)} bits, minimumEntropyBits is ${minimumEntropyBits}`;
  const enough = length + Math.ceil((minimumEntropyBits - bits) / bitsPerCharacter(used));
  if (enough <= longestPassword) return `${problem}: a length of ${enough} would do`;
  return `${problem}: use more classes or exclude fewer characters`;
}

/** Whether a password is one that this policy could have made. */
export function meetsPolicy(policy: PasswordPolicy, password: string): boolean {
  const used = alphabets(policy);
  const counts = used.map(({ characters }) => password.split('').filter((each) => characters.includes(each)).length);
  const enough = used.every(({ minimum }, index) => (counts[index] as number) >= minimum);
  return password.length === policy.length && total(counts) === password.length && enough;
}

function bitsPerCharacter(used: Alphabet[]): number {
  return Math.log2(total(used.map(({ characters }) => characters.length)));
}

function total(numbers: number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
