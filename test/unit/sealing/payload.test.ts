import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { encodePayload, longestPayload } from '../../../src/sealing/encode-payload.ts';
import { PayloadInvalidError, PayloadTooLargeError } from '../../../src/sealing/errors.ts';
import { decodePayload, type SealedPayload } from '../../../src/sealing/payload.ts';

const canary = 'canary-7d1f';

describe('a payload', () => {
  it.each<SealedPayload>([
    { kind: 'exec', env: { DB_PASSWORD: 'zwölf\n"' }, stdin: 'AAEC', script: 'echo $DB_PASSWORD' },
    { kind: 'exec' },
    { kind: 'passwordHash', passwordHash: '$6$salt$hash' },
    { kind: 'password', password: 'hunter2' },
    { kind: 'file', content: 'AAEC' },
  ])('of $kind arrives as it was sent', (payload) => {
    expect(decodePayload(encodePayload(payload))).toEqual(payload);
  });

  it.each<[string, unknown]>([
    ['another kind', { kind: canary }],
    ['a field of another kind', { kind: 'password', password: 'x', stdin: canary }],
    ['a field nobody knows', { kind: 'file', content: '', [canary]: 1 }],
    ['a value of another type', { kind: 'exec', env: { A: [canary] } }],
    ['bytes that are not base64', { kind: 'exec', stdin: `%${canary}` }],
    ['no object', canary],
  ])('with %s is refused, and the refusal keeps the secret', (_, payload) => {
    const refusal = refusalOf(() => decodePayload(new TextEncoder().encode(JSON.stringify(payload))));

    expect(refusal).toBeInstanceOf(PayloadInvalidError);
    expect(inspect(refusal)).not.toContain(canary);
  });

  it.each([
    ['no JSON', new TextEncoder().encode(canary)],
    ['no text', new Uint8Array([0xff, 0xfe])],
  ])('that is %s is refused, and the refusal keeps the secret', (_, bytes) => {
    const refusal = refusalOf(() => decodePayload(bytes));

    expect(refusal).toBeInstanceOf(PayloadInvalidError);
    expect(inspect(refusal)).not.toContain(canary);
  });

  it('of the greatest length is taken, one byte more is not', () => {
    const overhead = encodePayload({ kind: 'password', password: '' }).length;
    const greatest = 'x'.repeat(longestPayload - overhead);

    expect(encodePayload({ kind: 'password', password: greatest })).toHaveLength(longestPayload);
    expect(() => encodePayload({ kind: 'password', password: `${greatest}x` })).toThrow(PayloadTooLargeError);
  });

  it('that is too large is refused by the name of what is, and not by its value', () => {
    const env = { SMALL: canary, CERTIFICATES: canary.repeat(80_000) };

    const refusal = refusalOf(() => encodePayload({ kind: 'exec', env, stdin: 'AAAA' }));

    expect(inspect(refusal)).toMatch(
      /takes 880\d{3} bytes, of which env CERTIFICATES is 880\d{3}: 786432 bytes in all/,
    );
    expect(inspect(refusal)).not.toContain(canary);
  });
});

function refusalOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
