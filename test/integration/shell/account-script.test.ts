import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { accountScript, parseAccount } from '../../../src/guest/account.ts';
import { shells } from '../../harness/shells.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-account-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const hash = '$6$salt$Q1w2e3';
const passwd = ['root:x:0:0:root:/root:/bin/sh', 'app:x:1000:1000::/home/app:/bin/sh', "o'brien\\n:x:1001:1001:::"];
const shadow = ['root:*:20000:0:99999:7:::', `app:${hash}:20000:0:99999:7::20100:`, "o'brien\\n:!$6$s$x:20000::::::"];
const mounts = ['/dev/vda1 / ext4 rw,relatime 0 0', 'tmp /tmp tmpfs ro 0 0'];

describe.each(shells)('under %s', (shell, ...more) => {
  function look(username: string, files: { passwd?: string[]; shadow?: string[] | null; mounts?: string[] } = {}) {
    const folder = mkdtempSync(join(root, 'guest-'));
    mkdirSync(join(folder, 'etc'));
    mkdirSync(join(folder, 'proc'));
    // The last line without an end, as editors leave it.
    writeFileSync(join(folder, 'etc/passwd'), (files.passwd ?? passwd).join('\n'));
    if (files.shadow !== null) writeFileSync(join(folder, 'etc/shadow'), (files.shadow ?? shadow).join('\n'));
    writeFileSync(join(folder, 'proc/mounts'), `${(files.mounts ?? mounts).join('\n')}\n`);
    const script = accountScript(username)
      .replace('</etc/passwd', `<${folder}/etc/passwd`)
      .replace('</etc/shadow', `<${folder}/etc/shadow`)
      .replace('</proc/mounts', `<${folder}/proc/mounts`);
    const { stdout } = spawnSync(shell, [...more, '-s'], { input: script });
    return parseAccount(stdout.toString(), username);
  }

  it('tells of an account what its line of /etc/shadow says', () => {
    expect(look('app')).toEqual({ exists: true, field: hash, expiresOn: 20100, readOnly: false });
    expect(look('root')).toEqual({ exists: true, field: '*', expiresOn: undefined, readOnly: false });
  });

  it('takes a name with quotes and a backslash for what it is', () => {
    expect(look("o'brien\\n")).toMatchObject({ exists: true, field: '!$6$s$x' });
  });

  it('tells an account that is missing from one without a password', () => {
    expect(look('nobody-has-this-name')).toMatchObject({ exists: false, field: undefined });
    expect(look('ap')).toMatchObject({ exists: false });
    expect(look('app', { shadow: ['root:*:::::::'] })).toMatchObject({ exists: true, field: undefined });
    expect(look('app', { shadow: null })).toMatchObject({ exists: true, field: undefined });
  });

  it('sees where /etc can not be written to, whatever else is mounted', () => {
    const readOnly = ['/dev/vda1 / ext4 ro,relatime 0 0'];

    expect(look('app', { mounts: readOnly })).toMatchObject({ readOnly: true });
    expect(look('app', { mounts: [...readOnly, 'overlay /etc overlay rw 0 0'] })).toMatchObject({ readOnly: false });
    expect(look('app', { mounts: [...mounts, 'etc /etc ext4 ro 0 0'] })).toMatchObject({ readOnly: true });
  });
});
