import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyOf } from '../../../src/cli/cp/places.ts';
import { joinScript, lookScript } from '../../../src/cli/cp/scripts.ts';

const exec = promisify(execFile);

describe('what is copied where', () => {
  it('is told by which of the two is in a guest', () => {
    expect(copyOf('web-1:/var/log/syslog', 'here')).toEqual({
      way: 'fromGuest',
      from: { guest: 'web-1', path: '/var/log/syslog' },
      to: 'here',
    });
    expect(copyOf('./a.conf', 'web-1:/etc/a.conf')).toMatchObject({ way: 'toGuest', to: { path: '/etc/a.conf' } });
  });

  it('keeps the name in a folder of a guest', () => {
    expect(copyOf('conf/a.conf', 'web-1:/etc/')).toMatchObject({ to: { path: '/etc/a.conf' } });
    expect(copyOf('a.conf', String.raw`win:C:\temp` + '\\')).toMatchObject({
      to: { path: String.raw`C:\temp\a.conf` },
    });
  });

  it.each([
    ['a', 'b'],
    ['web-1:/a', 'web-2:/b'],
    ['web-1:relative', 'b'],
    ['web-1:/folder/', '.'],
  ])('can not be meant by %s and %s', (from, to) => {
    expect(() => copyOf(from, to)).toThrow();
  });
});

describe('the script that puts parts together', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qga-cp-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function joined(place: string, parts: Buffer[], sum?: string): Promise<void> {
    const base = join(folder, 'parts');
    for (const [n, part] of parts.entries()) await writeFile(`${base}.${n}`, part);
    const wanted = sum ?? createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    await exec('/bin/sh', ['-c', joinScript, 'sh', place, base, String(parts.length), wanted, '0640']);
  }

  it('makes the whole file of them, with its mode, and leaves nothing beside it', async () => {
    const parts = Array.from({ length: 12 }, () => randomBytes(100));

    await joined(join(folder, "it's here"), parts);

    expect(await readFile(join(folder, "it's here"))).toEqual(Buffer.concat(parts));
    expect((await stat(join(folder, "it's here"))).mode & 0o777).toBe(0o640);
    expect(await readdir(folder)).toEqual(["it's here"]);
  });

  it('follows a link, and leaves it one', async () => {
    await writeFile(join(folder, 'real'), 'old');
    await symlink('real', join(folder, 'link'));

    await joined(join(folder, 'link'), [Buffer.from('new')]);

    expect(await readFile(join(folder, 'real'), 'utf8')).toBe('new');
    expect((await readdir(folder)).toSorted()).toEqual(['link', 'real']);
  });

  it('leaves the old file as it is where the parts are not what was sent', async () => {
    await writeFile(join(folder, 'place'), 'old');

    await expect(joined(join(folder, 'place'), [Buffer.from('new')], '0'.repeat(64))).rejects.toThrow('do not add up');

    expect(await readFile(join(folder, 'place'), 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['place']);
  });

  it('tells mode, size and checksum of a file in the form that is read here', async () => {
    await writeFile(join(folder, 'a'), 'hello', { mode: 0o600 });

    const { stdout } = await exec('/bin/sh', ['-c', lookScript, 'sh', join(folder, 'a')]);

    expect(stdout).toMatch(/^600 5\n2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\b/);
  });
});
