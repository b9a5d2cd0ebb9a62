import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { run } from '../harness/run.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';

const source = join(import.meta.dirname, '../harness/guest-common/watch-writes.c');
const program = '/tmp/quick-writer';
/** What virsh takes as an argument, in base64. */
const chunkBytes = 90_000;

/** The writer of the tests, at a pace that tells of freezes of a few milliseconds: it keeps an emulated guest busy. */
export async function watchQuickWrites(dir: string, guest: TestGuest): Promise<WriteWatcher> {
  await upload(await compile(dir), guest);
  return await watchWrites(guest, '/data/watched', program);
}

async function compile(dir: string): Promise<Buffer> {
  const paces = 'pace_ms = 100, look_ms = 20';
  const text = await readFile(source, 'utf8');
  if (!text.includes(paces)) throw new Error(`${source} has other paces`);
  const quick = join(dir, 'quick-writer.c');
  await writeFile(quick, text.replace(paces, 'pace_ms = 2, look_ms = 2'));
  await run('gcc', ['-O2', '-Wall', '-static', '-s', '-o', join(dir, 'quick-writer'), quick]);
  return await readFile(join(dir, 'quick-writer'));
}

async function upload(binary: Buffer, guest: TestGuest): Promise<void> {
  const packed = gzipSync(binary);
  const handle = await guest.agent('guest-file-open', { path: `${program}.gz`, mode: 'w' });
  for (let at = 0; at < packed.length; at += chunkBytes) {
    const chunk = packed.subarray(at, at + chunkBytes).toString('base64');
    await guest.agent('guest-file-write', { handle, 'buf-b64': chunk });
  }
  await guest.agent('guest-file-close', { handle });
  const { exitCode, stderr } = await guest.sh(`gunzip -f ${program}.gz && chmod +x ${program}`);
  if (exitCode !== 0) throw new Error(`${guest.name} took no writer: ${stderr}`);
}
