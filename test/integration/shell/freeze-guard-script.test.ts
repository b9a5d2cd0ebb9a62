import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { armScript, disarmScript } from '../../../src/guest/freeze-guard-script.ts';
import { systemClock } from '../../../src/seams/clock.ts';
import { shells } from '../../harness/shells.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-guard-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const id = 'c0ffee00-0000-4000-8000-000000000000';

const mounts = `/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
/dev/vdb /my\\040disk xfs rw 0 0
`;

/** A guest's shell with folders of its own in place of /run/qga and of what is mounted, and a program that is told. */
function setUp([shell, ...more]: readonly [string, ...string[]], { program = true, meanwhile = '' } = {}) {
  const folder = mkdtempSync(join(root, 'guest-'));
  const thaw = join(folder, 'thaw');
  const log = join(folder, 'log');
  const there = (script: string) =>
    script
      .replaceAll('/run/qga', join(folder, 'run'))
      .replaceAll('/proc/self/mounts', join(folder, 'mounts'))
      .replaceAll(/(busybox )?fsfreeze/g, thaw);
  if (program) {
    // Arming asks for its help first: that takes so long that something else happens.
    writeFileSync(join(folder, 'meanwhile'), there(meanwhile));
    const asked = `[ "$1" != --help ] || sh ${join(folder, 'meanwhile')}`;
    writeFileSync(thaw, `#!/bin/sh\n${asked}\n[ "$1" != --unfreeze ] || echo "$2" >>${log}\n`);
    chmodSync(thaw, 0o700);
  }
  writeFileSync(join(folder, 'mounts'), mounts);
  const run = (script: string) => {
    const input = there(script);
    return spawnSync(shell, [...more, '-s'], { input, encoding: 'utf8', timeout: 10_000 }).stdout;
  };
  return {
    run,
    marks: () => readdirSync(join(folder, 'run')),
    thawed: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : []),
    isRunning: () => spawnSync('pgrep', ['-f', `guard ${join(folder, 'run', id)}`]).status === 0,
  };
}

async function until(test: () => boolean): Promise<void> {
  for (let tries = 0; !test(); tries++) {
    if (tries > 500) throw new Error('it never came to that');
    await systemClock.sleep(20);
  }
}

describe.each(shells)('under %s', (...shell) => {
  it('thaws every filesystem on a device when its time comes, and says so', async () => {
    const { run, thawed, marks } = setUp(shell);

    expect(run(armScript({ id, nonce: '1', seconds: 1 }))).toBe('armed\n');
    await until(() => marks().includes(`${id}.fired`));

    expect(thawed().slice(0, 2)).toEqual(['/', '/my disk']);
    expect(run(disarmScript(id))).toMatch(/^fired [0-9a-f-]{36}\n$/);
    // An answer may be lost.
    expect(run(disarmScript(id))).toMatch(/^fired /);
  });

  it('thaws only what it was armed for', async () => {
    const { run, thawed, marks } = setUp(shell);

    run(armScript({ id, nonce: '1', seconds: 0, mountpoints: ["/it's"] }));
    await until(() => marks().includes(`${id}.fired`));
    run(disarmScript(id));

    expect(new Set(thawed())).toEqual(new Set(["/it's"]));
  });

  it('is gone when it was disarmed, and has thawed nothing', async () => {
    const { run, thawed, marks, isRunning } = setUp(shell);
    run(armScript({ id, nonce: '1', seconds: 60 }));
    await until(isRunning);

    expect(run(disarmScript(id))).toMatch(/^quiet /);

    await until(() => !isRunning());
    expect(marks()).toEqual([`${id}.off`]);
    expect(thawed()).toEqual([]);
  });

  it('does not stay armed where it was disarmed while it was being armed', async () => {
    const { run, marks, thawed, isRunning } = setUp(shell, { meanwhile: disarmScript(id) });

    expect(run(armScript({ id, nonce: '1', seconds: 1 }))).toBe('');

    expect(marks()).toEqual([`${id}.off`]);
    await until(() => !isRunning());
    expect(thawed()).toEqual([]);
  });

  it('can be armed again after it was disarmed', async () => {
    const { run, marks } = setUp(shell);
    run(armScript({ id, nonce: '1', seconds: 60 }));
    run(disarmScript(id));

    expect(run(armScript({ id, nonce: '2', seconds: 60 }))).toBe('armed\n');

    expect(marks()).toEqual([`${id}.guard`]);
    run(disarmScript(id));
  });

  it('takes the place of one that was armed before', async () => {
    const { run, thawed, isRunning } = setUp(shell);
    run(armScript({ id, nonce: '1', seconds: 1 }));
    run(armScript({ id, nonce: '2', seconds: 60 }));

    await systemClock.sleep(1500);

    expect(isRunning()).toBe(true);
    expect(thawed()).toEqual([]);
    run(disarmScript(id));
  });

  it('says so where there is nothing to thaw with', () => {
    const { run } = setUp(shell, { program: false });

    expect(run(armScript({ id, nonce: '1', seconds: 1 }))).toBe('unavailable\n');
  });
});
