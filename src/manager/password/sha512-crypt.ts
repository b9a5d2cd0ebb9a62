import { createHash, hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What crypt(3) takes where the hash names no other. */
export const defaultRounds = 5000;

/** Others get their turn this often: about every 2 ms. */
const roundsPerTurn = 1000;

export interface Sha512CryptOptions {
  /** At most 16 characters of `./0-9A-Za-z`; longer ones are cut, as in crypt(3). */
  salt: string;
  /** 1000 to 999999999, which the hash then names; without it 5000, which it doesn't. */
  rounds?: number;
}

/**
 * SHA-512 crypt, as glibc and libxcrypt compute it: `$6$…`. By the specification's steps ("Unix crypt using SHA-256 and
 * SHA-512", version 0.6). It is here because the libraries on npm aren't right: the best kept one, unixcrypt 3.0.4, gives
 * passwords of 64 and 128 bytes a hash that no login accepts.
 */
export async function sha512Crypt(password: string, { salt, rounds }: Sha512CryptOptions): Promise<string> {
  const key = Buffer.from(password, 'utf8');
  const shownSalt = salt.slice(0, 16);
  const saltBytes = Buffer.from(shownSalt, 'latin1');

  const first = firstDigest(key, saltBytes);
  const p = stretched(digest(...Array<Buffer>(key.length).fill(key)), key.length);
  const s = stretched(digest(...Array<Buffer>(16 + first.readUInt8(0)).fill(saltBytes)), saltBytes.length);

  let last = first;
  for (let round = 0; round < (rounds ?? defaultRounds); round += 1) {
    const odd = round % 2 === 1;
    const parts = [odd ? p : last];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(odd ? last : p);
    last = hash('sha512', Buffer.concat(parts), 'buffer');
    if ((round + 1) % roundsPerTurn === 0) await nextTurn();
  }
  const shownRounds = rounds === undefined ? '' : `rounds=${rounds}$`;
  return `$6$${shownRounds}${shownSalt}$${encode(last)}`;
}

/** Steps 1 to 12 of the specification. */
function firstDigest(key: Buffer, salt: Buffer): Buffer {
  const other = digest(key, salt, key);
  const parts = [key, salt, stretched(other, key.length)];
  for (let bits = key.length; bits > 0; bits >>>= 1) parts.push((bits & 1) === 1 ? other : key);
  return digest(...parts);
}

function digest(...parts: Buffer[]): Buffer {
  const sha = createHash('sha512');
  for (const part of parts) sha.update(part);
  return sha.digest();
}

/** A digest repeated to this many bytes. */
function stretched(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Triples of bytes, 21 apart and turned by one place each time, in crypt(3)'s own base64; the 64th byte at the end. */
function encode(bytes: Buffer): string {
  let text = '';
  let [high, middle, low] = [0, 21, 42];
  for (let triple = 0; triple < 21; triple += 1) {
    text += sixBits((bytes.readUInt8(high) << 16) | (bytes.readUInt8(middle) << 8) | bytes.readUInt8(low), 4);
    [high, middle, low] = [middle + 1, low + 1, high + 1];
  }
  return text + sixBits(bytes.readUInt8(63), 2);
}

function sixBits(value: number, characters: number): string {
  return Array.from({ length: characters }, (_, index) => alphabet.charAt((value >>> (6 * index)) & 63)).join('');
}
