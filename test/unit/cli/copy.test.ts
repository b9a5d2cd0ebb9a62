import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { GuestTaskStatus } from '../../../src/api/schema/guest-task.ts';
import type { Session } from '../../../src/cli/connect/session.ts';
import { fromGuest, toGuest } from '../../../src/cli/cp/copy.ts';
import { sha256Of } from '../../../src/cli/cp/guest-files.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qga-copy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

/** A session whose tasks end at once as a guest would have them end whose files are here. `os`: as its Guest has it. */
function aSession({ shell = true, os = 'debian', onRead = () => {} } = {}) {
  const tasks = new Map<string, GuestTask>();
  const told: string[] = [];
  const done = ({ action }: GuestTask['spec']): Partial<GuestTaskStatus> => {
    const { exec, readFile, writeFile } = action;
    if (exec) {
      if (!shell) return { phase: 'Failed', reason: 'CommandBlocked' };
      const { source = '', args = [] } = exec.script ?? {};
      const { status, stdout } = spawnSync('/bin/sh', ['-c', source, 'sh', ...args], { encoding: 'utf8' });
      return status === 0 ? { phase: 'Succeeded', exec: { stdout } } : { phase: 'Failed', reason: 'NonZeroExit' };
    }
    if (readFile) {
      onRead();
      const { offset = 0, maxBytes = 65_536 } = readFile;
      const all = readFileSync(readFile.path);
      const bytes = all.subarray(offset, offset + maxBytes);
      const eof = offset + bytes.length >= all.length;
      const read = { contentBase64: bytes.toString('base64'), offset, bytes: bytes.length, size: all.length, eof };
      return { phase: 'Succeeded', readFile: { ...read, sha256: sha256Of(bytes) } };
    }
    if (!writeFile) throw new Error('no such action');
    if (!shell && writeFile.mode !== undefined) {
      return { phase: 'Failed', reason: 'ExecNeeded', message: 'leave out mode and owner' };
    }
    const bytes = Buffer.from(writeFile.contentBase64 ?? '', 'base64');
    writeFileSync(writeFile.path, bytes, { mode: shell ? 0o600 : 0o666 });
    if (writeFile.mode !== undefined) execFileSync('chmod', [writeFile.mode, writeFile.path]);
    const message = shell ? '' : 'written in place';
    return { phase: 'Succeeded', message, writeFile: { bytes: bytes.length, sha256: sha256Of(bytes), atomic: shell } };
  };
  const cluster = {
    get: async () => ({ status: { os: { id: os } } }),
    create: async (_: unknown, task: GuestTask) => {
      tasks.set(task.metadata.name, { ...task, status: done(task.spec) });
    },
    list: async (_: unknown, { fieldSelector }: { fieldSelector: string }) => ({
      items: [tasks.get(fieldSelector.slice('metadata.name='.length))],
      resourceVersion: '1',
    }),
    delete: async () => {},
  };
  let names = 0;
  const session = {
    cluster,
    namespace: 'team-a',
    clock: new FakeClock(),
    random: { next: () => 0.5, uuid: () => String(names++).padStart(8, '0') },
    signal: new AbortController().signal,
    tell: (...lines: string[]) => void told.push(...lines),
  } as unknown as Session;
  const written = () => [...tasks.values()].flatMap(({ spec }) => spec.action.writeFile ?? []);
  return { session, told, written };
}

describe('a file that comes from a guest', () => {
  it('comes as it was when it was first looked at, though it grows at every read', async () => {
    const log = path('syslog');
    const lines = 'line\n'.repeat(200_000);
    writeFileSync(log, lines);
    const { session } = aSession({ onRead: () => appendFileSync(log, 'the agent read the log\n') });

    const copied = await fromGuest(session, { guest: 'web-1', path: log }, path('here'));

    expect(copied).toMatchObject({ bytes: lines.length, verified: true });
    expect(readFileSync(path('here'), 'utf8')).toBe(lines);
  });

  it('is not taken where what it had was changed meanwhile', async () => {
    writeFileSync(path('there'), 'old');
    const { session } = aSession({ onRead: () => writeFileSync(path('there'), 'new') });

    await expect(fromGuest(session, { guest: 'web-1', path: path('there') }, path('here'))).rejects.toThrow(
      'try again',
    );
  });

  it('may be one that the kernel makes up, whose size says nothing', async () => {
    const made = '/proc/version';
    const { session } = aSession();

    const copied = await fromGuest(session, { guest: 'web-1', path: made }, path('here'));

    expect(copied).toMatchObject({ verified: true });
    expect(readFileSync(path('here'), 'utf8')).toBe(readFileSync(made, 'utf8'));
  });

  it('is put in no place of anything but a file', async () => {
    writeFileSync(path('there'), 'x');
    execFileSync('mkfifo', [path('pipe')]);
    mkdirSync(path('folder/there'), { recursive: true });
    const { session } = aSession();
    const from = { guest: 'web-1', path: path('there') };

    await expect(fromGuest(session, from, path('pipe'))).rejects.toThrow('is no file');
    await expect(fromGuest(session, from, path('folder'))).rejects.toThrow('is no file');

    expect(statSync(path('pipe')).isFIFO()).toBe(true);
  });

  it('is put where a link leads', async () => {
    writeFileSync(path('there'), 'new');
    writeFileSync(path('real'), 'old');
    symlinkSync('real', path('link'));
    const { session } = aSession();

    await fromGuest(session, { guest: 'web-1', path: path('there') }, path('link'));

    expect(readFileSync(path('real'), 'utf8')).toBe('new');
  });
});

describe('a file that goes to a guest', () => {
  const to = () => ({ guest: 'web-1', path: path('there') });

  it('has its mode there', async () => {
    writeFileSync(path('here'), 'x', { mode: 0o640 });

    expect(await toGuest(aSession().session, path('here'), to())).toMatchObject({ mode: '0640' });
    expect(statSync(path('there')).mode & 0o777).toBe(0o640);
  });

  it('goes without its mode where nobody may run a shell, which is told', async () => {
    writeFileSync(path('here'), 'x', { mode: 0o644 });
    const { session, told } = aSession({ shell: false });

    expect((await toGuest(session, path('here'), to())).mode).toBeUndefined();
    expect(readFileSync(path('there'), 'utf8')).toBe('x');
    expect(told.join('\n')).toContain('written in place');
  });

  it('does not become everybody’s where only some may read it', async () => {
    writeFileSync(path('here'), 'x', { mode: 0o600 });
    const { session, written } = aSession({ shell: false });

    await expect(toGuest(session, path('here'), to())).rejects.toThrow('everybody');
    expect(written().map(({ mode }) => mode)).toEqual(['0600']);
  });

  it('goes to Windows whatever its mode, which means nothing there', async () => {
    writeFileSync(path('here'), 'x', { mode: 0o600 });
    const { session } = aSession({ shell: false, os: 'mswindows' });

    expect((await toGuest(session, path('here'), to())).mode).toBeUndefined();
    expect(readFileSync(path('there'), 'utf8')).toBe('x');
  });

  it('needs a shell there where it takes more than one task', async () => {
    writeFileSync(path('here'), Buffer.alloc(800_000), { mode: 0o644 });
    const { session, told } = aSession({ shell: false });

    await expect(toGuest(session, path('here'), to())).rejects.toThrow('allow guest-exec');
    expect(told).toEqual([]);
  });
});
