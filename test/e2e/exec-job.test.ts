import { beforeAll, describe, expect, it } from 'vitest';
import type { GuestTask } from '../../src/api/resources.ts';
import { sharedCluster, sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { type JobSpec, namespace, useOperator } from './operator-fixture.ts';

const operator = useOperator('exec-node');
const web1 = (...command: string[]): JobSpec => ({ target: { guestName: 'web-1' }, exec: { command } });

async function only(spec: JobSpec) {
  const { status } = await operator.ended(await operator.create(spec));
  return { status, guest: status?.guests?.[0] };
}

describe('a command in one guest', () => {
  it('tells the exit code and what was printed', async () => {
    const { status, guest } = await only(web1('sh', '-c', 'echo out; echo err >&2'));

    expect(status).toMatchObject({ phase: 'Complete', completions: '1/1', succeeded: 1, failed: 0 });
    expect(guest).toMatchObject({
      name: 'web-1',
      node: 'exec-node',
      phase: 'Succeeded',
      exitCode: 0,
      stdout: 'out\n',
      stderr: 'err\n',
      attempts: 1,
    });
  });

  it('gives the command its environment beside the guest’s own, and its input', async () => {
    const spec = web1('sh', '-c', 'echo "$GREETING $PATH"; cat');
    const { guest } = await only({
      ...spec,
      exec: { ...spec.exec, env: [{ name: 'GREETING', value: "it's $HOME" }], stdin: 'line 1\nline 2' },
    });

    expect(guest?.stdout).toMatch(/^it's \$HOME \/.*\nline 1\nline 2$/);
  });

  it('takes an input that is longer than one message to an agent can be', async () => {
    const spec = web1('sh', '-c', 'wc -c; ls /run/qga | grep script');
    const { guest } = await only({ ...spec, exec: { ...spec.exec, stdin: 'x'.repeat(250_000) } });

    expect(guest?.stdout).toBe('250000\n');
  });

  it('tells a failing exit code and a signal apart', async () => {
    expect(await only(web1('sh', '-c', 'exit 137'))).toMatchObject({
      status: { phase: 'Failed', failed: 1 },
      guest: { phase: 'Failed', reason: 'NonZeroExit', exitCode: 137 },
    });
    const { guest } = await only(web1('sh', '-c', 'kill -9 $$; sleep 5'));
    expect(guest).toMatchObject({ phase: 'Failed', reason: 'Signaled', signal: 9 });
    expect(guest).not.toHaveProperty('exitCode');
  });

  it('names a program that the guest does not have', async () => {
    const { guest } = await only(web1('no-such-program', 'x'));

    expect(guest).toMatchObject({ phase: 'Failed', reason: 'CommandNotFound', exitCode: 127 });
    expect(guest?.message).toContain('no-such-program');
  });

  it('shows bytes that are no UTF-8 readably, and exactly in the task', async () => {
    const name = await operator.create(web1('sh', '-c', String.raw`printf 'a\377\000b'`));
    const { status } = await operator.ended(name);
    const [task] = await operator.tasksOf(name);

    expect(status?.guests?.[0]?.stdout).toBe('a\ufffd\0b');
    expect(Buffer.from(task?.status?.exec?.stdoutBase64 ?? '', 'base64')).toEqual(Buffer.from([0x61, 0xff, 0, 0x62]));
  });

  it('shows head and tail of 3 MB of output, says so, and leaves the agent well', async () => {
    const name = await operator.create(web1('seq', '-w', '1', '400000'));
    const { status } = await operator.ended(name);
    const [task] = await operator.tasksOf(name);

    expect(task?.status).toMatchObject({
      phase: 'Succeeded',
      exec: { exitCode: 0, truncated: true, stdoutBytes: 1_048_576 },
    });
    expect(status?.guests?.[0]?.stdout?.startsWith('000001\n')).toBe(true);
    expect(status?.guests?.[0]?.stdout?.endsWith('400000\n')).toBe(true);
    expect((await only(web1('true'))).status?.phase).toBe('Complete');
  });

  it('does not wait for what a command leaves behind in the background', async () => {
    const { guest } = await only(web1('sh', '-c', 'sleep 60 & echo started'));

    expect(guest).toMatchObject({ phase: 'Succeeded', stdout: 'started\n' });
  });

  it('ends the wait at the deadline', async () => {
    const { status, guest } = await only({ ...web1('sleep', '30'), activeDeadlineSeconds: 1 });

    expect(status?.phase).toBe('Failed');
    expect(guest).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });
});

describe('a command in a fleet', () => {
  it('runs in every guest that the selector matches and in no other', async () => {
    const spec: JobSpec = { target: { selector: { matchLabels: { app: 'web' } } }, exec: { command: ['hostname'] } };
    const { status } = await operator.ended(await operator.create(spec));

    expect(status).toMatchObject({ phase: 'Complete', completions: '2/2', targets: 2, succeeded: 2 });
    expect(status?.guests?.map(({ name, stdout }) => [name, stdout])).toEqual([
      ['web-1', 'web-1\n'],
      ['web-2', 'web-2\n'],
    ]);
  });

  it('runs in no more guests at once than parallelism allows', async () => {
    const target = { selector: { matchExpressions: [{ key: 'app', operator: 'Exists' as const }] } };
    const name = await operator.create({ target, exec: { command: ['sleep', '1'] }, parallelism: 1 });
    const { status } = await operator.ended(name);
    const tasks = await operator.tasksOf(name);
    const runs = tasks.map((task) => `${task.status?.startTime} to ${task.status?.completionTime}`).toSorted();

    expect(status).toMatchObject({ phase: 'Complete', completions: '3/3' });
    for (const [index, run] of runs.entries()) {
      const [, endBefore = ''] = runs[index - 1]?.split(' to ') ?? [];
      expect(run >= endBefore, `${runs.join(', ')} one after the other`).toBe(true);
    }
  });

  it('starts nothing while suspended, and goes on when let go', async () => {
    const name = await operator.create({ ...web1('true'), suspend: true });
    await operator.until(name, ({ status }) => status?.phase === 'Suspended');
    expect(await operator.tasksOf(name)).toEqual([]);

    await sharedCluster().kubectl(
      'patch',
      'gxj',
      name,
      '-n',
      namespace,
      '--type=merge',
      '-p',
      '{"spec":{"suspend":false}}',
    );

    expect((await operator.ended(name)).status?.phase).toBe('Complete');
  });

  it('deletes itself and its tasks when its time to live is over', async () => {
    const name = await operator.create({ ...web1('true'), ttlSecondsAfterFinished: 1 });

    await expect
      .poll(
        () =>
          operator.job(name).then(
            () => 'there',
            () => 'gone',
          ),
        { timeout: 15_000 },
      )
      .toBe('gone');
    await expect.poll(async () => (await operator.tasksOf(name)).length, { timeout: 30_000 }).toBe(0);
  });
});

describe('a guest that can not run it', () => {
  const spares: TestGuest[] = [];
  beforeAll(async () => {
    const define = (name: string, options: object) => sharedHypervisor().defineGuest({ name, namespace, ...options });
    spares.push(
      await define('off-1', { start: false }),
      await define('mute-1', { agentChannel: false, disk: false }),
      await define('blocked-1', { agentArgs: ['-b', 'guest-exec'], disk: false }),
    );
    await spares[2]?.waitForAgent();
    return async () => {
      for (const guest of spares) await guest.undefine();
    };
  });
  const at = (guestName: string): JobSpec => ({
    target: { guestName },
    exec: { command: ['true'] },
    startingDeadlineSeconds: 3,
  });

  it('is waited for by name while there is no such guest, then the job fails', async () => {
    const name = await operator.create(at('nobody'));

    const waiting = await operator.until(name, ({ status }) => status?.phase !== undefined);
    expect(waiting.status).toMatchObject({ phase: 'Waiting', guests: [{ reason: 'GuestNotFound' }] });
    expect((await operator.ended(name)).status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failed', status: 'True', reason: 'GuestNotFound' }),
    );
  });

  it('fails a selector that matches nothing', async () => {
    const name = await operator.create({ ...at(''), target: { selector: { matchLabels: { app: 'none' } } } });

    expect((await operator.ended(name)).status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'Failed',
        reason: 'NoGuestsMatched',
        message: expect.stringContaining('app=none'),
      }),
    );
  });

  it('waits for a guest that is off, says so, and runs when it is started', async () => {
    const name = await operator.create({ ...at('off-1'), startingDeadlineSeconds: 120 });
    const waiting = await operator.until(name, ({ status }) => status?.guests?.[0]?.reason === 'GuestNotRunning');
    expect(waiting.status?.guests?.[0]?.message).toContain('start it');

    await spares[0]?.start();

    expect((await operator.ended(name, 90_000)).status?.phase).toBe('Complete');
  });

  it('gives up a guest that stays off', async () => {
    await spares[0]?.destroy();
    const { guest } = await only(at('off-1'));

    expect(guest).toMatchObject({
      phase: 'Failed',
      reason: 'Undeliverable',
      message: expect.stringContaining('shutoff'),
    });
  });

  it('fails a guest without an agent channel at once, and says what to add', async () => {
    const { guest } = await only({ ...at('mute-1'), startingDeadlineSeconds: 600 });

    expect(guest).toMatchObject({
      phase: 'Failed',
      reason: 'NoAgentChannel',
      message: expect.stringContaining('org.qemu.guest_agent.0'),
    });
  });

  it('fails a guest whose agent has guest-exec switched off, and says how to allow it', async () => {
    const { guest } = await only({ ...at('blocked-1'), startingDeadlineSeconds: 600 });

    expect(guest).toMatchObject({
      phase: 'Failed',
      reason: 'CommandBlocked',
      message: expect.stringContaining('block-rpcs'),
    });
  });
});

it('refuses to change a task after it was made', async () => {
  const name = await operator.create(web1('true'));
  await operator.ended(name);
  const [task] = await operator.tasksOf(name);
  const patch = '{"spec":{"action":{"exec":{"command":["false"]}}}}';

  await expect(
    sharedCluster().kubectl(
      'patch',
      'guesttask',
      task?.metadata.name ?? '',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      patch,
    ),
  ).rejects.toThrow(/action can't be changed/);
});

it('lets a job go that is deleted while it runs, and serves the next', async () => {
  const name = await operator.create(web1('sleep', '3'));
  await operator.until(name, ({ status }) => status?.active === 1);

  await sharedCluster().kubectl('delete', 'gxj', name, '-n', namespace);
  await expect.poll(async () => (await operator.tasksOf(name)).length, { timeout: 30_000 }).toBe(0);

  expect((await only(web1('true'))).status?.phase).toBe('Complete');
});

it('waits for a paused guest and for one that a person suspended', async () => {
  const guest = await sharedGuest('web-2');
  const spec: JobSpec = { target: { guestName: 'web-2' }, exec: { command: ['true'] }, startingDeadlineSeconds: 60 };
  await guest.suspend();
  const paused = await operator.create(spec);
  await operator.until(paused, ({ status }) => status?.guests?.[0]?.reason === 'GuestNotRunning');
  await guest.resume();
  expect((await operator.ended(paused)).status?.phase).toBe('Complete');

  const suspend = (value: boolean) =>
    sharedCluster().kubectl(
      'patch',
      'guest',
      'web-2',
      '-n',
      namespace,
      '--type=merge',
      '-p',
      `{"spec":{"suspend":${value}}}`,
    );
  await suspend(true);
  const held = await operator.create(spec);
  await operator.until(held, ({ status }) => status?.guests?.[0]?.reason === 'GuestSuspended');
  await suspend(false);
  expect((await operator.ended(held)).status?.phase).toBe('Complete');
});

it('binds a task that a person made to the node of its guest', async () => {
  const metadata = { name: 'by-hand', namespace };
  const spec = { guestName: 'db-1', action: { exec: { command: ['hostname'] } } };

  await sharedCluster().apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'GuestTask', metadata, spec });

  await sharedCluster().kubectl(
    'wait',
    '--for=condition=Complete',
    'guesttask/by-hand',
    '-n',
    namespace,
    '--timeout=30s',
  );
  expect(await sharedCluster().get('guesttask', 'by-hand', namespace)).toMatchObject({
    spec: { nodeName: 'exec-node' },
    status: { phase: 'Succeeded', exec: { exitCode: 0, stdout: 'db-1\n' } },
  });
});

it('does not let a task reach a domain outside its namespace, whatever its maker wrote into it', async () => {
  const victim = await sharedGuest('web-1');
  const metadata = { name: 'intruder', namespace: 'qga-system' };
  const action = { exec: { command: ['touch', '/tmp/intruded'] } };
  const spec = { guestName: 'web-1', guestUID: victim.uuid, nodeName: 'exec-node', action };

  await sharedCluster().apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'GuestTask', metadata, spec });

  const reason = () =>
    sharedCluster()
      .get<GuestTask>('guesttask', 'intruder', 'qga-system')
      .then(({ status }) => status?.reason);
  await expect.poll(reason, { timeout: 10_000 }).toBe('GuestNotFound');
  expect((await victim.sh('ls /tmp/intruded')).exitCode).not.toBe(0);
  await sharedCluster().kubectl('delete', 'guesttask', 'intruder', '-n', 'qga-system');
});

it('lets neither a hung guest nor a flooding one slow the others', async () => {
  const [hung, flooding] = [await sharedGuest('web-1'), await sharedGuest('db-1')];
  await hung.stopAgent();
  const waiting: string[] = [];
  for (let job = 0; job < 6; job++) waiting.push(await operator.create(web1('true')));
  const flood = await operator.create({
    target: { guestName: flooding.name },
    exec: { command: ['seq', '1', '300000'] },
  });

  for (let job = 0; job < 5; job++) {
    const name = await operator.create({ target: { guestName: 'web-2' }, exec: { command: ['true'] } });
    expect((await operator.ended(name, 5000)).status?.phase).toBe('Complete');
  }

  await hung.continueAgent();
  expect((await operator.ended(flood)).status?.phase).toBe('Complete');
  for (const name of waiting) expect((await operator.ended(name)).status?.phase).toBe('Complete');
});
