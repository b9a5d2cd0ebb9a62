import * as fc from 'fast-check';
import type { PasswordPolicy } from '../../../../src/api/schema/password-policy.ts';
import { passwordPolicy } from '../../../../src/api/schema/password-policy.ts';

/** A policy as the API server completes it. */
export function policyOf(changes: Parameters<typeof passwordPolicy.parse>[0] = {}): PasswordPolicy {
  return passwordPolicy.parse(changes);
}

/** Any policy the API's bounds admit, contradictory ones among them. */
export const anyPolicy: fc.Arbitrary<PasswordPolicy> = fc.record({
  length: fc.integer({ min: 8, max: 128 }),
  classes: fc.record({
    lower: fc.integer({ min: 0, max: 6 }),
    upper: fc.integer({ min: 0, max: 6 }),
    digits: fc.integer({ min: 0, max: 6 }),
    symbols: fc.integer({ min: 0, max: 6 }),
  }),
  excludedCharacters: fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.constantFrom(
      '0O1lI',
      '0123456789',
      'abcdefghijklmnopqrstuvwxyz',
      'abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXY',
    ),
  ),
  minimumEntropyBits: fc.integer({ min: 40, max: 512 }),
});
