import { randomInt } from 'node:crypto';
import { PasswordUnhashableError, YescryptUnavailableError } from './errors.ts';
import { loadLibcrypt } from './libcrypt.ts';
import { sha512Crypt } from './sha512-crypt.ts';

export type CryptKind = 'sha512crypt' | 'yescrypt';

/** libxcrypt's bound (CRYPT_MAX_PASSPHRASE_SIZE), in bytes. */
const longestPassword = 511;

/**
 * The most that a hash may cost in memory; the library's own setting takes 16 MiB. Settings are kept beside the
 * passwords, where their readers could put one that takes gigabytes, or minutes.
 */
const dearestBytes = 64 * 1024 * 1024;

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * What crypt(3) makes a hash by, as `$6$salt`: kind, cost and a fresh salt. It stands in clear text in every hash made
 * with it and is no secret. Throws YescryptUnavailableError.
 */
export async function freshSetting(kind: CryptKind): Promise<string> {
  if (kind === 'sha512crypt') return `$6$${freshSalt()}`;
  const setting = (await loadLibcrypt()).yescryptSetting();
  if (setting === null) throw new YescryptUnavailableError('libxcrypt failed to make a yescrypt setting');
  return setting;
}

/**
 * The hash of a password by a setting of `freshSetting`, as /etc/shadow has it; always the same for the same two. Throws
 * PasswordUnhashableError or YescryptUnavailableError.
 */
export async function hashBySetting(password: string, setting: string): Promise<string> {
  refuseUnhashable(password);
  const sha = /^\$6\$([./0-9A-Za-z]{1,16})$/.exec(setting);
  if (sha?.[1] !== undefined) return await sha512Crypt(password, { salt: sha[1] });
  if (!isAffordable(setting))
    throw new PasswordUnhashableError('the kind or the cost of the hash is not one used here');
  const hash = await (await loadLibcrypt()).crypt(password, setting);
  if (hash === null) throw new YescryptUnavailableError('libxcrypt failed to make a yescrypt hash');
  return hash;
}

/** yescrypt's flavour j and two numbers of one character each: more of them would ask for parallelism, time or a ROM. */
function isAffordable(setting: string): boolean {
  const [, n, r] = /^\$y\$j([./0-9A-Za-z])([./0-9A-Za-z])\$[./0-9A-Za-z]{1,86}$/.exec(setting) ?? [];
  return n !== undefined && r !== undefined && 128 * numberOf(r) * 2 ** numberOf(n) <= dearestBytes;
}

/** yescrypt's numbers start at one. */
function numberOf(character: string): number {
  return alphabet.indexOf(character) + 1;
}

function freshSalt(): string {
  return Array.from({ length: 16 }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}

function refuseUnhashable(password: string): void {
  const size = Buffer.byteLength(password, 'utf8');
  if (size === 0 || size > longestPassword) {
    throw new PasswordUnhashableError(`a password has 1 to ${longestPassword} bytes, this one has ${size}`);
  }
  if (password.includes('\0')) throw new PasswordUnhashableError("a password can't contain a NUL character");
}
