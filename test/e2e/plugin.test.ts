import { randomBytes } from 'node:crypto';
import { chmod, copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GuestExecJob, GuestHost } from '../../src/api/resources.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest, testFolder, testNamespace } from '../harness/fixtures.ts';
import { harnessPaths } from '../harness/paths.ts';
import { run } from '../harness/run.ts';
import { repository } from '../harness/vitest/shared.ts';
import { watchWrites } from '../harness/watch-writes.ts';
import { untilFrozen } from './freeze-fixture.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { plugin, startPlugin, startPluginOnTerminal } from './plugin-fixture.ts';
import { rotationsOn } from './rotation-fixture.ts';

const operator = useOperator('plugin-node');
const empty = testNamespace();
const { kubectl, kubeconfig } = sharedCluster();
const folder = testFolder();

beforeAll(async () => {
  await Promise.all([sharedGuest('web-1'), sharedGuest('web-2')]);
  await kubectl('wait', 'guest', '-l', 'app=web', '-n', namespace, '--for=condition=AgentConnected', '--timeout=60s');
});

/** Those that the plugin made: other files leave theirs in the namespace, exec-node-1 among them. */
async function execJobs(): Promise<GuestExecJob[]> {
  const list: { items: GuestExecJob[] } = JSON.parse(await kubectl('get', 'gxj', '-n', namespace, '-o', 'json'));
  return list.items.filter(({ metadata }) => /^exec-\w+$/.test(metadata.name));
}

it('get shows the guests with their systems, and their names to scripts', async () => {
  const table = await plugin('get', '-l', 'app=web');
  const names = await plugin('get', '-l', 'app=web', '-o', 'name');

  expect(table.code).toBe(0);
  expect(table.stdout).toMatch(/^NAME +STATE +AGENT +FROZEN/);
  expect(table.stdout).toMatch(/^web-1 +running +ok +no +- +\S/m);
  expect(names.stdout).toBe('guest.qga.dev/web-1\nguest.qga.dev/web-2\n');
});

describe('exec', () => {
  it('ends as the command ended, and keeps what it prints apart', async () => {
    const result = await plugin('exec', 'web-1', '-e', 'A=1', '--', 'sh', '-c', 'echo "out $A"; echo err >&2; exit 3');

    expect(result).toEqual({ code: 3, stdout: 'out 1\n', stderr: 'err\n' });
    expect(await execJobs()).toEqual([]);
  });

  it('passes its input on, and all of a long output where it is stored meanwhile', async () => {
    const started = startPlugin(
      ['exec', 'web-1', '-i', '--store', 'ConfigMap', '--', 'sh', '-c', 'cat; seq 1 50000'],
      'hello\n',
    );
    const { code, stdout } = await started.ended;

    const lines = stdout.split('\n');
    expect(code).toBe(0);
    expect(lines[0]).toBe('hello');
    expect(lines).toHaveLength(50_002);
  });

  it('tells lines of a fleet apart, sums up, and ends with 1 where some failed', async () => {
    const { code, stdout, stderr } = await plugin(
      'exec',
      '-l',
      'app=web',
      '--',
      'sh',
      '-c',
      'hostname; test $(hostname) = web-1',
    );

    expect(stdout.split('\n').toSorted()).toEqual(['', '[web-1] web-1', '[web-2] web-2']);
    expect(stderr).toMatch(/^web-2 +Failed +1 /m);
    expect(stderr).toMatch(/^web-1 +Succeeded +0 /m);
    expect(code).toBe(1);
  });

  it('shows a person on a terminal what a command prints while it runs, and all of it at its end', async () => {
    const started = startPluginOnTerminal(['exec', 'web-1', '--', 'sh', '-c', 'echo begun; sleep 5; echo over']);
    await started.says('begun');
    const [running] = await execJobs();
    const { code, stdout } = await started.ended;

    expect(running?.status?.completionTime).toBeUndefined();
    expect(code).toBe(0);
    expect(stdout).toMatch(/begun\r\nover\r\n$/);
  });

  it('ends the command in the guest when it is interrupted, and says so', async () => {
    const started = startPlugin(['exec', 'web-1', '--', 'sleep', '4711']);
    await eventually(async () => (await execJobs()).some(({ status }) => status?.phase === 'Running'), {
      what: 'the command to run',
      timeoutMs: 30_000,
    });

    started.kill('SIGINT');
    const { code, stderr } = await started.ended;

    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted: job exec-\w+ is deleted/);
    const left = () => plugin('exec', 'web-1', '--', 'sh', '-c', 'ps | grep -c "[s]leep 4711"');
    await eventually(async () => (await left()).stdout === '0\n', {
      what: 'the command to be gone',
      timeoutMs: 60_000,
    });
  });
});

describe('freeze', () => {
  it('runs a command on this machine while the guests are held, and tells what its copy is worth', async () => {
    const command = ['sh', '-c', 'echo "copying in $QGA_FREEZE_WINDOW"; exit 5'];
    const failing = await plugin('freeze', '-l', 'app=web', '--mountpoint', '/data', '--for', '60s', '--', ...command);
    const good = await plugin('freeze', 'web-1', '--mountpoint', '/data', '-o', 'json', '--', 'true');

    expect(failing.code).toBe(5);
    expect(failing.stdout).toMatch(/^copying in freeze-\w+\n$/);
    expect(failing.stderr).toMatch(/^web-2 +Consistent +1\/1 /m);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ consistent: true, exitCode: 0 });
  });

  it('holds the guest still meanwhile, and thaws it when it is interrupted in the midst', async () => {
    const writes = await watchWrites(await sharedGuest('web-1'));
    const started = startPlugin([
      'freeze',
      'web-1',
      '--mountpoint',
      '/data',
      '--for',
      '90s',
      '--',
      'sh',
      '-c',
      'echo held; exec sleep 80',
    ]);
    await started.says('held');
    await untilFrozen(writes);

    started.kill('SIGINT');
    const { code, stderr } = await started.ended;

    expect(code).toBe(130);
    expect(stderr).toMatch(/^web-1 +Consistent .* Release/m);
    await writes.nextWrite();
    await writes.stop();
  });

  it('does not call a copy consistent that took longer than the freeze', async () => {
    const { code, stderr } = await plugin(
      'freeze',
      'web-1',
      '--mountpoint',
      '/data',
      '--for',
      '1s',
      '--',
      'sleep',
      '6',
    );

    expect(code).toBe(123);
    expect(stderr).toContain('the freeze has ended before the command did');
    expect(stderr).toContain('raise --for');
  });
});

it('thaw lets go of what a detached freeze holds, by the guest it holds', async () => {
  const held = await plugin('freeze', 'web-2', '--mountpoint', '/data', '--for', '90s', '--detach');
  expect(held.stdout).toMatch(/^fsfreezewindow\.qga\.dev\/freeze-\w+\n$/);

  const { code, stdout } = await plugin('thaw', 'web-2');

  expect(code).toBe(0);
  expect(stdout).toMatch(/^web-2 +Consistent .* Release/m);
});

it('cp brings a file of 1 MiB into a guest and back, bytes and mode', async () => {
  const content = randomBytes(1024 * 1024);
  await writeFile(folder('there'), content, { mode: 0o750 });

  const there = await plugin('cp', folder('there'), 'web-1:/data/copied');
  const back = await plugin('cp', 'web-1:/data/copied', folder('back'), '-o', 'json');

  expect(there.code).toBe(0);
  expect(JSON.parse(back.stdout)).toMatchObject({ bytes: 1_048_576, mode: '750', verified: true });
  expect((await readFile(folder('back'))).equals(content)).toBe(true);
  expect((await stat(folder('back'))).mode & 0o777).toBe(0o750);
  const { stdout } = await plugin('exec', 'web-1', '--', 'sh', '-c', 'ls /data/copied*; rm /data/copied');
  expect(stdout).toBe('/data/copied\n');
});

it('logs shows what a job printed that nobody waited for', async () => {
  const { stdout: job } = await plugin('exec', '-l', 'app=web', '--detach', '--', 'hostname');
  const followed = await plugin('logs', '-f', job.trim());
  const one = await plugin('logs', job.trim(), '--guest', 'web-2');

  expect(followed.code).toBe(0);
  expect(followed.stdout.split('\n').toSorted()).toEqual(['', '[web-1] web-1', '[web-2] web-2']);
  expect(one.stdout).toBe('web-2\n');
  await kubectl('delete', job.trim(), '-n', namespace);
});

it('logs shows what a command has printed that is not over, and says so', async () => {
  const { stdout } = await plugin('exec', 'web-1', '--detach', '--', 'sh', '-c', 'echo begun; exec sleep 600');
  const job = stdout.trim();
  await eventually(async () => (await plugin('logs', job)).stdout !== '', { what: 'output', timeoutMs: 30_000 });
  const shown = await plugin('logs', job);
  await kubectl('delete', job, '-n', namespace);

  expect(shown.stdout).toBe('begun\n');
  expect(shown.stderr).toContain('not over in web-1');
});

it('rotate gives every guest another password, and waits until it has', async () => {
  const { createRotation, untilRotated, passwordsIn } = rotationsOn(sharedCluster());
  const pattern = { namePattern: '{guest}-plugin' };
  await createRotation('plugin', { target: { guestName: 'web-2' }, username: 'app', secretTemplate: pattern });
  await untilRotated('plugin');
  const { password: first } = await passwordsIn('web-2-plugin');

  const { code, stdout } = await plugin('rotate', 'plugin');

  const passwords = await passwordsIn('web-2-plugin');
  expect(code).toBe(0);
  expect(stdout).toContain('1 of 1 guests rotated');
  expect(passwords['previous-password']).toBe(first);
  await kubectl('delete', 'pwr/plugin', 'secret/web-2-plugin', '-n', namespace);
});

it('explain-task tells who made a task, what its reason means and what to do', async () => {
  const job = await operator.create({ target: { guestName: 'web-1' }, exec: { command: ['no-such-program'] } });
  await operator.ended(job);
  const [task] = await operator.tasksOf(job);

  const { code, stdout } = await plugin('explain-task', task?.metadata.name ?? '');

  expect(code).toBe(0);
  expect(stdout).toMatch(/^What +run no-such-program as root, in guest web-1$/m);
  expect(stdout).toMatch(new RegExp(`^Who +made by GuestExecJob ${job}, `, 'm'));
  expect(stdout).toMatch(/^Means +the guest has no such program; nothing ran$/m);
  expect(stdout).toMatch(/^To do +install it, or give its full path$/m);
});

it('is a plugin that kubectl finds, and asks for the names of guests', async () => {
  await writeFile(folder('kubectl-qga'), `#!/bin/sh\nexec ${process.execPath} ${repository}/src/cli/main.ts "$@"\n`);
  await copyFile(join(repository, 'plugin/kubectl_complete-qga'), folder('kubectl_complete-qga'));
  for (const name of ['kubectl-qga', 'kubectl_complete-qga']) await chmod(folder(name), 0o755);
  const { controlPlane } = harnessPaths();
  const env = { PATH: `${folder()}:${controlPlane}:${process.env['PATH']}`, KUBECONFIG: kubeconfig };
  const asKubectl = (...args: string[]) => run(join(controlPlane, 'kubectl'), args, { env });

  expect(await asKubectl('qga', 'get', '-n', namespace, 'web-1', '-o', 'name')).toBe('guest.qga.dev/web-1\n');
  expect(await asKubectl('__complete', 'qga', 'exec', '-n', namespace, 'web')).toBe('web-1\nweb-2\n:4\n');
});

describe('doctor', () => {
  it('finds nothing wrong where all is well', async () => {
    // What earlier agents left behind is what it looks for.
    const { items }: { items: GuestHost[] } = JSON.parse(await kubectl('get', 'guesthosts', '-o', 'json'));
    const others = items.map(({ metadata }) => metadata.name).filter((name) => name !== 'plugin-node');
    if (others.length > 0) await kubectl('delete', 'guesthost', ...others);

    const { code, stdout } = await plugin('doctor', '-n', empty);

    expect(stdout).toMatch(/✓ plugin-node: libvirt [\d.]+, \d+ guests/);
    expect(stdout).toContain('Nothing is wrong.');
    expect(code).toBe(0);
  });

  it('says that nobody leads, and what to do, once the manager has left', async () => {
    await operator.manager().stop();

    const { code, stdout } = await plugin('doctor', '-n', empty);

    expect(stdout).toMatch(/✗ none leads: the last one has left\n +→ kubectl -n qga-system get pods/);
    expect(code).toBe(1);
  });
});
