import { expect, it } from 'vitest';
import { hasHash, isExpired, isLocked, parseAccount } from '../../../src/guest/account.ts';

it('takes nothing for an account that the script did not print', () => {
  expect(parseAccount('', 'app')).toBeUndefined();
  expect(parseAccount('qga1 5f0c running 1\n', 'app')).toBeUndefined();
  expect(parseAccount('qga1 account 1 rw\nroot:*:1::::::\n', 'app')).toMatchObject({ field: undefined });
});

const hash = '$6$salt$Q1w2e3';
const account = { exists: true, field: hash, expiresOn: undefined, readOnly: false };

it('compares the whole hash', () => {
  expect(hasHash(account, hash)).toBe(true);
  expect(hasHash(account, `${hash}x`)).toBe(false);
  expect(hasHash({ ...account, field: undefined }, '')).toBe(false);
});

it.each([
  ['!$6$salt$Q', true],
  ['!!$6$salt$Q', true],
  ['*', false],
  ['!', false],
  ['!!', false],
  ['!*', false],
  ['', false],
  [hash, false],
])('field %j: locked with a password behind it: %s', (field, locked) => {
  expect(isLocked({ ...account, field })).toBe(locked);
});

it('takes an account for expired from its day on', () => {
  const day = 86_400_000;

  expect(isExpired({ ...account, expiresOn: 20100 }, 20100 * day - 1)).toBe(false);
  expect(isExpired({ ...account, expiresOn: 20100 }, 20100 * day)).toBe(true);
  expect(isExpired(account, Number.MAX_SAFE_INTEGER)).toBe(false);
});
