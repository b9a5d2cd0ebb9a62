import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { sealingKey } from '../../../src/api/schema/sealed.ts';
import { NodeKeyDamagedError } from '../../../src/sealing/errors.ts';
import { NodeKey } from '../../../src/sealing/node-key.ts';
import { open, seal } from '../../../src/sealing/seal.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-node-key-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const context = { namespace: 'a', taskName: 'b', guestUID: 'c', action: 'exec' };
const secret = new Uint8Array([1, 2, 3]);

function freshPath(): { dir: string; path: string } {
  const dir = join(mkdtempSync(join(root, 'case-')), 'state');
  return { dir, path: join(dir, 'sealing-key') };
}

it('is made once, for its owner alone to read, and opens after a restart what was sealed before', async () => {
  const { dir, path } = freshPath();
  const sealed = await seal((await NodeKey.open(dir)).sealingKey, secret, context);

  const reopened = await NodeKey.open(dir);

  expect(await open(reopened, sealed, context)).toEqual(secret);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('is published as the API has it', async () => {
  const published = (await NodeKey.open(freshPath().dir)).sealingKey;

  expect(sealingKey.strict().parse(published)).toEqual(published);
});

it('differs from node to node', async () => {
  const [one, other] = [await NodeKey.open(freshPath().dir), await NodeKey.open(freshPath().dir)];

  expect(one.sealingKey.id).not.toBe(other.sealingKey.id);
});

it('is made where a crash came before an earlier one had its name', async () => {
  const { dir, path } = freshPath();
  mkdirSync(dir);
  writeFileSync(`${path}.new`, '{"kty":"O', { mode: 0o644 });

  const made = await NodeKey.open(dir);

  expect((await NodeKey.open(dir)).sealingKey).toEqual(made.sealingKey);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it.each([
  ['empty', () => ''],
  ['cut short', (text: string) => text.slice(0, -20)],
  ['no JSON', () => 'hello'],
  ['JSON that is no key', () => '42'],
  ['a public key only', (text: string) => JSON.stringify({ ...JSON.parse(text), d: undefined })],
  ['a private half that was changed', (text: string) => swapOne(text, 'd')],
  ['a public half that was changed', (text: string) => swapOne(text, 'x')],
])('is never replaced when its file is %s: the error says what to do and not what it read', async (_, damage) => {
  const { dir, path } = freshPath();
  await NodeKey.open(dir);
  const damaged = damage(readFileSync(path, 'utf8'));
  writeFileSync(path, damaged);

  const refusal = await NodeKey.open(dir).catch((error: unknown) => error as Error);

  expect(refusal).toBeInstanceOf(NodeKeyDamagedError);
  expect(inspect(refusal)).toMatch(/sealing-key is damaged: .*backup.*delete it and start the agent again/);
  if (damaged !== '') expect(inspect(refusal)).not.toContain(damaged.slice(0, 60).trim());
  expect(readFileSync(path, 'utf8')).toBe(damaged);
});

/** Changes a character in the middle: of a private key's first byte, X25519 ignores some bits. */
function swapOne(text: string, member: 'd' | 'x'): string {
  const jwk = JSON.parse(text) as Record<string, string>;
  const value = jwk[member] as string;
  return JSON.stringify({ ...jwk, [member]: value.slice(0, 10) + (value[10] === 'A' ? 'B' : 'A') + value.slice(11) });
}

it('is refused when others may have read it', async () => {
  const { dir, path } = freshPath();
  await NodeKey.open(dir);
  chmodSync(path, 0o640);

  await expect(NodeKey.open(dir)).rejects.toThrow(/others than its owner may read .*\(mode 640\).*chmod 600/);
});

it('keeps its private half from whoever prints it', async () => {
  const { dir, path } = freshPath();
  const key = await NodeKey.open(dir);
  const { d } = JSON.parse(readFileSync(path, 'utf8')) as { d: string };

  expect(inspect(key, { depth: 10, showHidden: true }) + JSON.stringify(key)).not.toContain(d);
  expect(key.keyPair.privateKey.extractable).toBe(false);
});
