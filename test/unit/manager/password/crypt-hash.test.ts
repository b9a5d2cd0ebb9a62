import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type CryptKind, freshSetting, hashBySetting } from '../../../../src/manager/password/crypt-hash.ts';
import { PasswordUnhashableError, YescryptUnavailableError } from '../../../../src/manager/password/errors.ts';
import { bindLibcrypt } from '../../../../src/manager/password/libcrypt.ts';

const password = 'canary-Kq7';

async function cryptHash(text: string, kind: CryptKind): Promise<string> {
  return await hashBySetting(text, await freshSetting(kind));
}

describe.each([
  ['sha512crypt', /^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/],
  ['yescrypt', /^\$y\$j9T\$[./0-9A-Za-z]{22}\$[./0-9A-Za-z]{43}$/],
] as const)('%s', (kind, form) => {
  it('makes what a shadow file holds, with another salt each time', async () => {
    const [first, second] = [await cryptHash(password, kind), await cryptHash(password, kind)];

    expect(first).toMatch(form);
    expect(second).toMatch(form);
    expect(first).not.toBe(second);
  });

  it('makes the same hash again of the same password and setting', async () => {
    const setting = await freshSetting(kind);

    const hash = await hashBySetting(password, setting);

    expect(hash.startsWith(`${setting}$`)).toBe(true);
    expect(await hashBySetting(password, setting)).toBe(hash);
  });

  it('makes another hash of another password', async () => {
    const setting = await freshSetting(kind);

    expect(await hashBySetting(`${password} `, setting)).not.toBe(await hashBySetting(password, setting));
    expect(await hashBySetting(password.toLowerCase(), setting)).not.toBe(await hashBySetting(password, setting));
  });

  it.each([
    ['empty', ''],
    ['cut short by a NUL', `${password}\0rest`],
    ['longer than crypt takes', password.repeat(60)],
  ])('refuses a password that is %s, without telling it', async (_, wrong) => {
    const refusal = await cryptHash(wrong, kind).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(PasswordUnhashableError);
    expect(inspect(refusal)).not.toContain(password);
  });
});

it.each([
  ['of another kind', '$1$salt'],
  ['that is none', 'hunter2'],
  ['with rounds of its own', '$6$rounds=999999999$salt'],
  ['that takes gigabytes', '$y$jJT$salt'],
  ['that asks for parallelism', '$y$j9T..$salt'],
])('refuses at once a setting %s', async (_, setting) => {
  const refusal = await hashBySetting(password, setting).catch((error: unknown) => error);

  expect(refusal).toBeInstanceOf(PasswordUnhashableError);
  expect(inspect(refusal)).not.toContain(password);
});

describe('without a libxcrypt that knows yescrypt', () => {
  it.each([
    ['no library', 'libnothere.so.1'],
    ['a library without its functions', 'libm.so.6'],
  ])('there is %s: the refusal says what is missing and what to do', async (_, name) => {
    const refusal = await bindLibcrypt([name]).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(YescryptUnavailableError);
    expect(inspect(refusal)).toMatch(/libcrypt1 on Debian.*\(.+\): install it beside the manager, or use sha512crypt/s);
  });

  it('the next name is tried', async () => {
    const libcrypt = await bindLibcrypt(['libnothere.so.1', 'libcrypt.so.1', 'libcrypt.so.2']);

    expect(libcrypt.yescryptSetting()).toMatch(/^\$y\$/);
  });
});
