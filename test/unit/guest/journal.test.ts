import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Journal } from '../../../src/guest/journal.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-journal-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const sent = { guest: 'u', action: 'exec' };
const freshDir = () => mkdtempSync(join(root, 'case-'));

it('remembers what was recorded, and its own identity, when it is opened again', async () => {
  const dir = freshDir();
  const journal = await Journal.open<string>(dir);

  await journal.record('a', { state: 'sending', ...sent, bootId: 'b1' });
  await journal.record('b', { state: 'ended', outcome: 'fine' });
  await journal.forget('b');
  // No close: a process that is killed does not close its files.

  const again = await Journal.open<string>(dir);
  expect(again.id).toBe(journal.id);
  expect([...again.tasks()]).toEqual(['a']);
  expect(again.get('a')).toEqual({ state: 'sending', ...sent, bootId: 'b1' });
});

it('drops a last line that a crash cut short', async () => {
  const dir = freshDir();
  const journal = await Journal.open<string>(dir);
  await journal.record('a', { state: 'sending', ...sent });
  appendFileSync(join(dir, 'journal.jsonl'), '{"task":"b","entry":{"sta');

  const again = await Journal.open<string>(dir);

  expect([...again.tasks()]).toEqual(['a']);
  await again.record('c', { state: 'sending', ...sent });
  expect([...(await Journal.open<string>(dir)).tasks()]).toEqual(['a', 'c']);
});

it('refuses a file that is damaged in the middle, rather than forget what it did', async () => {
  const dir = freshDir();
  const journal = await Journal.open<string>(dir);
  await journal.record('a', { state: 'sending', ...sent });
  const path = join(dir, 'journal.jsonl');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"sending"', '"sen'));

  await expect(Journal.open(dir)).rejects.toThrow(/damaged in line 2/);
});

it('keeps every open entry while it writes the file anew under load', async () => {
  const dir = freshDir();
  const journal = await Journal.open<string>(dir);
  const kept: string[] = [];

  for (let round = 0; round < 60; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const task = `${round}-${index}`;
        await journal.record(task, { state: 'sending', ...sent });
        if (index === 0) kept.push(task);
        else await journal.forget(task);
      }),
    );
  }

  expect(readFileSync(join(dir, 'journal.jsonl'), 'utf8').split('\n').length).toBeLessThan(9000);
  expect([...(await Journal.open<string>(dir)).tasks()].toSorted()).toEqual(kept.toSorted());
});

it('writes again once it can, after a write that failed', () => {
  const dir = freshDir();
  const source = join(import.meta.dirname, '../../../src/guest/journal.ts');
  // A limit on the size of files stands for a full disk: a large entry finds no room, a small one does.
  const program = `
    const { Journal } = await import(${JSON.stringify(source)});
    const journal = await Journal.open(${JSON.stringify(dir)});
    await journal.record('small', { state: 'sending', guest: 'u', action: 'exec' });
    const large = journal.record('large', { state: 'ended', outcome: 'x'.repeat(100_000) });
    console.log(await large.catch(({ code }) => code));
    await journal.record('later', { state: 'sending', guest: 'u', action: 'exec' });
    await journal.close();`;
  const command = `trap '' XFSZ; ulimit -f 16; exec "$0" --input-type=module -e "$1"`;

  const { stdout, stderr } = spawnSync('bash', ['-c', command, process.execPath, program], {
    encoding: 'utf8',
    timeout: 20_000,
  });

  expect([stdout, stderr]).toEqual(['EFBIG\n', '']);
  expect(readFileSync(join(dir, 'journal.jsonl'), 'utf8')).toMatch(/"small".*\n.*"later".*\n$/);
});
