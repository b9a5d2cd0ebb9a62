import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { customResourceDefinition } from '../../src/api/crd.ts';
import { passwordPolicy } from '../../src/api/schema/password-policy.ts';
import { sealed } from '../../src/api/schema/sealed.ts';
import { longestPayload } from '../../src/sealing/encode-payload.ts';
import { NodeKey } from '../../src/sealing/node-key.ts';
import { seal } from '../../src/sealing/seal.ts';
import { sharedCluster, testFolder, testNamespace } from '../harness/fixtures.ts';

const namespace = testNamespace();
const folder = testFolder();
const { kubectl, apply } = sharedCluster();
const group = `test-${randomBytes(4).toString('hex')}.qga.dev`;
const definition = customResourceDefinition({
  resource: { group, version: 'v1', kind: 'Fragment', plural: 'fragments', namespaced: true },
  description: 'What a test tries parts of the API with.',
  shortNames: [],
  spec: z.object({ passwordPolicy, sealed: sealed.optional() }),
  status: z.object({}),
  columns: [],
});

beforeAll(async () => {
  await apply(definition);
  await kubectl('wait', '--for=condition=Established', `crd/fragments.${group}`, '--timeout=30s');
});
afterAll(() => kubectl('delete', 'crd', `fragments.${group}`, '--wait=false'));

async function created(spec: object): Promise<{ spec: Record<string, unknown> }> {
  const path = folder('fragment.json');
  const metadata = { generateName: 'f-', namespace };
  await writeFile(path, JSON.stringify({ apiVersion: `${group}/v1`, kind: 'Fragment', metadata, spec }));
  // Not applied: that would keep a second copy of the largest secret in an annotation.
  return JSON.parse(await kubectl('create', '-f', path, '-o', 'json'));
}

describe('a password policy', () => {
  it('is completed where it is left out, in whole or in part', async () => {
    const whole = { length: 24, classes: { lower: 1, upper: 1, digits: 1, symbols: 0 }, excludedCharacters: '' };

    expect((await created({})).spec['passwordPolicy']).toEqual({ ...whole, minimumEntropyBits: 80 });
    expect((await created({ passwordPolicy: { classes: { symbols: 2 } } })).spec['passwordPolicy']).toMatchObject({
      classes: { lower: 1, upper: 1, digits: 1, symbols: 2 },
    });
  });

  it.each([
    ['a length below 8', { length: 7 }, 'greater than or equal to 8'],
    ['a length above 128', { length: 129 }, 'less than or equal to 128'],
    ['no class at all', { classes: { lower: 0, upper: 0, digits: 0 } }, 'every class is 0'],
    ['more required characters than length', { length: 8, classes: { digits: 7 } }, 'more characters than length'],
    [
      'every lower-case letter excluded',
      { excludedCharacters: 'zyxwvutsrqponmlkjihgfedcba' },
      'nothing of classes.lower',
    ],
    ['every digit excluded', { excludedCharacters: '0123456789' }, 'set classes.digits to 0'],
    [
      'every symbol excluded',
      { classes: { symbols: 1 }, excludedCharacters: '!#%&()*+,-./;<=>?@[]^_{|}~' },
      'classes.symbols',
    ],
    ['a misspelt field', { classes: { uper: 1 } }, 'unknown field "spec.passwordPolicy.classes.uper"'],
    ['too little entropy asked for', { minimumEntropyBits: 20 }, 'greater than or equal to 40'],
  ])('is refused with %s', async (_, policy, sentence) => {
    await expect(created({ passwordPolicy: policy })).rejects.toThrow(sentence);
  });

  it('may exclude a class whole that it takes nothing of', async () => {
    await created({ passwordPolicy: { classes: { digits: 0 }, excludedCharacters: '0123456789' } });
  });
});

describe('a sealed secret', () => {
  const context = { namespace, taskName: 'task', guestUID: 'uid', action: 'exec' };

  it('of the greatest size is taken as it is', async () => {
    const key = await NodeKey.open(folder('state'));
    const secret = await seal(key.sealingKey, new Uint8Array(longestPayload), context);

    expect((await created({ sealed: secret })).spec['sealed']).toEqual(secret);
  });

  it('is refused where it is no such thing', async () => {
    const key = await NodeKey.open(folder('state'));
    const secret = await seal(key.sealingKey, new Uint8Array(8), context);

    await expect(created({ sealed: { ...secret, version: 'v2' } })).rejects.toThrow('supported values: "v1"');
    await expect(created({ sealed: { ...secret, keyId: 'x' } })).rejects.toThrow('spec.sealed.keyId');
    await expect(created({ sealed: { ...secret, enc: '' } })).rejects.toThrow('spec.sealed.enc');
    await expect(created({ sealed: { ...secret, ciphertext: '%' } })).rejects.toThrow('spec.sealed.ciphertext');
    await expect(created({ sealed: { ...secret, ciphertext: 'A'.repeat(1_048_601) } })).rejects.toThrow('ciphertext');
  });
});
