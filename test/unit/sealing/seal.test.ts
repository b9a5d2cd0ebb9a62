import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { sealed as sealedSchema } from '../../../src/api/schema/sealed.ts';
import { SealBrokenError, SealedToAnotherKeyError, SealingKeyUnusableError } from '../../../src/sealing/errors.ts';
import { NodeKey } from '../../../src/sealing/node-key.ts';
import { open, seal } from '../../../src/sealing/seal.ts';
import { additionalData, type SealContext } from '../../../src/sealing/seal-context.ts';
import { sealingKeyOf } from '../../../src/sealing/sealing-key.ts';
import { suite } from '../../../src/sealing/suite.ts';
import { hpkeOpen } from './hpke-oracle.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-sealing-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const key = await freshKey();
const context: SealContext = {
  namespace: 'team-a',
  taskName: 'job-web-1-0',
  guestUID: '00000000-0000-4000-8000-000000000001',
  action: 'exec',
};
const secret = new TextEncoder().encode('the canary sings at dawn');

function freshKey(): Promise<NodeKey> {
  return NodeKey.open(mkdtempSync(join(root, 'case-')));
}

function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

/** The base64 text with one bit of its bytes changed. */
function flipped(text: string, byte: number, bit: number): string {
  const changed = Buffer.from(text, 'base64');
  changed[byte] = (changed[byte] as number) ^ (1 << bit);
  return changed.toString('base64');
}

it('opens what was sealed to its key, and for its context, byte for byte', async () => {
  const sealed = await seal(key.sealingKey, secret, context);

  expect(await open(key, sealed, { ...context })).toEqual(secret);
  expect(JSON.stringify(sealed)).not.toContain('canary');
});

it('carries an empty secret and the largest one', async () => {
  for (const size of [0, 768 * 1024]) {
    const sealed = await seal(key.sealingKey, new Uint8Array(size), context);

    expect(await open(key, sealed, context)).toHaveLength(size);
    expect(sealedSchema.safeParse(sealed).error).toBeUndefined();
  }
});

it('seals the same secret differently each time', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => seal(key.sealingKey, secret, context)));

  expect(first?.enc).not.toBe(second?.enc);
  expect(first?.ciphertext).not.toBe(second?.ciphertext);
});

it.each(Object.keys(context) as (keyof SealContext)[])('opens in no task with another %s', async (part) => {
  const sealed = await seal(key.sealingKey, secret, context);

  await expect(open(key, sealed, { ...context, [part]: `${context[part]}x` })).rejects.toThrow(SealBrokenError);
});

it('knows contexts apart that read alike when they are strung together', () => {
  const alike = [
    { namespace: 'a', taskName: 'bc', guestUID: 'd', action: 'e' },
    { namespace: 'ab', taskName: 'c', guestUID: 'd', action: 'e' },
    { namespace: 'a","b', taskName: 'c', guestUID: 'd', action: 'e' },
    { namespace: 'a', taskName: 'b","c', guestUID: 'd', action: 'e' },
  ];

  expect(new Set(alike.map((each) => Buffer.from(additionalData(each)).toString())).size).toBe(alike.length);
});

describe('a sealed secret that was changed on its way', () => {
  it.each(['enc', 'ciphertext'] as const)('does not open with any bit of its %s flipped', async (part) => {
    const sealed = await seal(key.sealingKey, secret, context);
    const size = Buffer.from(sealed[part], 'base64').length;

    for (let byte = 0; byte < size; byte += 1) {
      const changed = { ...sealed, [part]: flipped(sealed[part], byte, byte % 8) };
      await expect(open(key, changed, context), `byte ${byte}`).rejects.toThrow(SealBrokenError);
    }
  });

  it.each([
    ['nothing', ''],
    ['less than a tag', 'AAAA'],
    ['no base64', '%%%%'],
    ['base64 with a stray bit', 'AB=='],
  ])('does not open with a ciphertext of %s', async (_, ciphertext) => {
    const sealed = await seal(key.sealingKey, secret, context);

    await expect(open(key, { ...sealed, ciphertext }, context)).rejects.toThrow(SealBrokenError);
  });

  it('does not open when it is cut short', async () => {
    const sealed = await seal(key.sealingKey, secret, context);
    const cut = (text: string) => Buffer.from(text, 'base64').subarray(0, -1).toString('base64');

    await expect(open(key, { ...sealed, enc: cut(sealed.enc) }, context)).rejects.toThrow(SealBrokenError);
    await expect(open(key, { ...sealed, ciphertext: cut(sealed.ciphertext) }, context)).rejects.toThrow(
      SealBrokenError,
    );
  });

  it('does not open with a key that makes every agreement the same', async () => {
    const sealed = await seal(key.sealingKey, secret, context);

    await expect(open(key, { ...sealed, enc: `${'A'.repeat(43)}=` }, context)).rejects.toThrow(SealBrokenError);
  });
});

describe('another key', () => {
  it('is told apart from a broken seal, because sealing anew helps', async () => {
    const sealed = await seal(key.sealingKey, secret, context);
    const other = await freshKey();

    await expect(open(other, sealed, context)).rejects.toThrow(SealedToAnotherKeyError);
  });

  it('opens nothing when it is passed off as the right one', async () => {
    const sealed = await seal(key.sealingKey, secret, context);
    const other = await freshKey();

    await expect(open(other, { ...sealed, keyId: other.sealingKey.id }, context)).rejects.toThrow(SealBrokenError);
  });
});

describe('a published key', () => {
  it.each([
    ['another algorithm', { ...key.sealingKey, algorithm: 'ROT13' }, 'ROT13'],
    ['an id of another key', { ...key.sealingKey, id: '0123456789abcdef' }, 'stands beside it'],
    ['31 bytes', { ...key.sealingKey, publicKey: Buffer.alloc(31).toString('base64') }, 'stands beside it'],
    ['no base64', { ...key.sealingKey, publicKey: '%' }, 'stands beside it'],
    ['the point at zero', sealingKeyOf(new Uint8Array(32)), 'no usable X25519 key'],
  ])('is not sealed to with %s, and the refusal keeps the secret', async (_, published, sentence) => {
    const refusal = await seal(published, secret, context).catch((error: unknown) => error as Error);

    expect(refusal).toBeInstanceOf(SealingKeyUnusableError);
    expect(inspect(refusal)).toContain(sentence);
    expect(inspect(refusal)).not.toContain('canary');
  });
});

/** The vector of mode 0 for this suite that RFC 9180's authors publish. */
const vector = {
  info: bytes('4f6465206f6e2061204772656369616e2055726e'),
  ikmE: bytes('2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9'),
  skRm: bytes('497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d'),
  pkRm: bytes('430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c'),
  enc: bytes('6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256'),
  aad: bytes('436f756e742d30'),
  pt: bytes('4265617574792069732074727574682c20747275746820626561757479'),
  ct: bytes('e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a'),
};

it('makes and opens what RFC 9180 says', async () => {
  const { info, ikmE, skRm, pkRm, enc, aad, pt, ct } = vector;

  const made = await suite.seal(
    { recipientPublicKey: await suite.kem.deserializePublicKey(pkRm), info, ekm: await suite.kem.deriveKeyPair(ikmE) },
    pt,
    aad,
  );
  const recipientKey = await suite.kem.deserializePrivateKey(skRm);

  expect(new Uint8Array(made.enc)).toEqual(enc);
  expect(new Uint8Array(made.ct)).toEqual(ct);
  expect(new Uint8Array(await suite.open({ recipientKey, enc, info }, ct, aad))).toEqual(pt);
});

it('seals what another implementation opens', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const published = sealingKeyOf(Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url'));

  const { enc, ciphertext } = await seal(published, secret, context);
  const opened = hpkeOpen({
    privateKey,
    enc: Buffer.from(enc, 'base64'),
    info: Buffer.from('qga.dev/sealed/v1'),
    aad: Buffer.from('["team-a","job-web-1-0","00000000-0000-4000-8000-000000000001","exec"]'),
    ciphertext: Buffer.from(ciphertext, 'base64'),
  });

  expect(opened.equals(secret)).toBe(true);
});
