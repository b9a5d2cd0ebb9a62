import * as z from 'zod';
import { type CharacterClass, characterClasses, longestPassword, passwordCharacters } from '../password-characters.ts';
import { rules, type ValidationRule } from './common.ts';

/** Whole, because the API server checks a default by the rules before it completes it. */
const defaultClasses = { lower: 1, upper: 1, digits: 1, symbols: 0 };
const defaultPolicy = { length: 24, classes: defaultClasses, excludedCharacters: '', minimumEntropyBits: 80 };

/** At least this many characters of a class. */
function minimum(name: CharacterClass, characters: string) {
  return z.int().min(0).max(longestPassword).default(defaultClasses[name]).describe(`Of ${characters}`);
}

const classes = z
  .object({
    lower: minimum('lower', 'a to z.'),
    upper: minimum('upper', 'A to Z.'),
    digits: minimum('digits', '0 to 9.'),
    symbols: minimum('symbols', passwordCharacters.symbols),
  })
  .meta(
    rules({
      rule: characterClasses.map((name) => `self.${name} > 0`).join(' || '),
      message: 'every class is 0: let there be characters of at least one of lower, upper, digits and symbols',
    }),
  );

function leavesSome(name: CharacterClass): ValidationRule {
  return {
    rule: `self.classes.${name} == 0 || '${passwordCharacters[name]}'.split('').exists(c, !self.excludedCharacters.contains(c))`,
    message: `excludedCharacters leaves nothing of classes.${name}: exclude fewer, or set classes.${name} to 0`,
    fieldPath: '.excludedCharacters',
  };
}

/** PasswordRotation.spec.passwordPolicy. What of it CEL can't say, the entropy, the manager checks. */
export const passwordPolicy = z
  .object({
    length: z
      .int()
      .min(8)
      .max(longestPassword)
      .default(defaultPolicy.length)
      .describe('In characters, each of which is one byte.'),
    classes: classes
      .default(defaultClasses)
      .describe('At least how many characters of each class; of a class with 0 there is none.'),
    excludedCharacters: z
      .string()
      .max(longestPassword)
      .default(defaultPolicy.excludedCharacters)
      .describe('Never used, 0O1lI for instance. Colon, quotes, backslash, backtick, dollar and blanks never are.'),
    minimumEntropyBits: z
      .int()
      .min(40)
      .max(512)
      .default(defaultPolicy.minimumEntropyBits)
      .describe('How hard to guess it must be. A policy that does not reach it is refused.'),
  })
  .meta(
    rules(
      {
        rule: `${characterClasses.map((name) => `self.classes.${name}`).join(' + ')} <= self.length`,
        message: 'classes ask for more characters than length allows: make length greater or the classes less',
        fieldPath: '.length',
      },
      ...characterClasses.map(leavesSome),
    ),
  )
  .default(defaultPolicy);

export type PasswordPolicy = z.infer<typeof passwordPolicy>;
