import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GuestExecJob, GuestTask } from '../../src/api/resources.ts';
import type { ConfigMap, Secret } from '../../src/kube/core-resources.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest } from '../harness/fixtures.ts';
import { type JobSpec, namespace, useOperator } from './operator-fixture.ts';

const operator = useOperator('command-node');
const { kubectl, apply, get } = sharedCluster();
const inWeb1 = (exec: JobSpec['exec'], more: Partial<JobSpec> = {}): JobSpec => ({
  target: { guestName: 'web-1' },
  exec,
  ...more,
});

async function outcome(spec: JobSpec): Promise<NonNullable<NonNullable<GuestExecJob['status']>['guests']>[number]> {
  const { status } = await operator.ended(await operator.create(spec));
  const [guest] = status?.guests ?? [];
  if (!guest) throw new Error(`no guest in ${JSON.stringify(status)}`);
  return guest;
}

/** How many processes of the guest have the mark in their command line; the one that looks has it not. */
async function processesOf(mark: string): Promise<number> {
  const pattern = `[${mark.slice(0, 1)}]${mark.slice(1)}`;
  const { stdout } = await (await sharedGuest('web-1')).sh(`grep -ls '${pattern}' /proc/[0-9]*/cmdline | wc -l`);
  return Number(stdout);
}

describe('what can be run', () => {
  it('is a script with arguments, an interpreter, a folder and an account', async () => {
    const source = `echo "$1 by $(id -un) in $(pwd)"\n${'# long\n'.repeat(20_000)}cat\n`;

    expect(
      await outcome(
        inWeb1({
          script: { source, args: ["it's run"] },
          stdin: 'input\n',
          user: 'app',
          workingDirectory: '/data',
        }),
      ),
    ).toMatchObject({ phase: 'Succeeded', stdout: "it's run by app in /data\ninput\n" });
  });

  it.each([
    ['account', { user: 'nobody-here' }, 'UserNotFound'],
    ['folder', { workingDirectory: '/not/there' }, 'DirectoryNotFound'],
  ])('fails without having started anything where the guest lacks the %s', async (_, more, reason) => {
    expect(await outcome(inWeb1({ command: ['touch', '/tmp/started'], ...more }))).toMatchObject({
      phase: 'Failed',
      reason,
      message: expect.stringContaining('nothing was started'),
    });
  });

  it('is a command of a guest without a shell, in mode Direct', async () => {
    expect(await outcome(inWeb1({ mode: 'Direct', command: ['/bin/cat'], stdin: 'direct' }))).toMatchObject({
      phase: 'Succeeded',
      exitCode: 0,
      stdout: 'direct',
    });
    expect(await outcome(inWeb1({ mode: 'Direct', command: ['/no/such'] }))).toMatchObject({
      phase: 'Failed',
      reason: 'CommandNotStarted',
    });
  });
});

describe('Secrets and ConfigMaps', () => {
  it('reach the command, and nothing else ever shows them', async () => {
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db', namespace },
      stringData: { password: canary, script: `test "$PASSWORD" = ${canary} && cat | wc -c; sleep 2` },
    });
    const fromSecret = (key: string) => ({ secretKeyRef: { name: 'db', key } });
    const name = await operator.create(
      inWeb1({
        script: { sourceFrom: fromSecret('script') },
        env: [{ name: 'PASSWORD', valueFrom: fromSecret('password') }],
        stdinFrom: fromSecret('password'),
      }),
    );
    const guest = await sharedGuest('web-1');
    await operator.until(name, ({ status }) => status?.active === 1);
    const seenMeanwhile: string[] = [];
    for (let look = 0; look < 10; look++) {
      seenMeanwhile.push(hostProcesses(), (await guest.sh('cat /proc/[0-9]*/cmdline | tr "\\0" " "')).stdout);
      await delay(150);
    }

    const { status } = await operator.ended(name);

    expect(status?.guests).toMatchObject([{ phase: 'Succeeded', stdout: `${canary.length}\n` }]);
    const everything = [
      ...seenMeanwhile,
      await kubectl('get', 'gxj,gtask,guests,events,configmaps', '-A', '-o', 'json'),
      JSON.stringify(operator.manager().logs()),
      JSON.stringify(operator.agent().logs()),
      await operator.manager().metrics(),
      await operator.agent().metrics(),
      guest.console(),
      (await guest.sh('cat /var/log/* 2>/dev/null; dmesg')).stdout,
      (await guest.sh('cat /run/qga/*.sh /run/qga/*.in 2>/dev/null')).stdout,
    ];
    const isLeak = (text: string) => text.includes(canary) || text.includes(Buffer.from(canary).toString('base64'));
    expect(everything.filter(isLeak)).toEqual([]);
  });

  it('are waited for while they are missing, and the job runs when they come', async () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }];
    const name = await operator.create(inWeb1({ command: ['sh', '-c', 'echo $A'], env }));
    const waiting = await operator.until(name, ({ status }) => status?.guests?.[0]?.reason === 'InputNotFound');
    expect(waiting.status?.guests?.[0]?.message).toContain('ConfigMap team-a/late does not exist');

    await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late', namespace }, data: { a: 'here' } });

    expect((await operator.ended(name)).status?.guests).toMatchObject([{ stdout: 'here\n' }]);
  });

  it('are sealed for tasks that people make, too', async () => {
    const action = {
      exec: {
        command: ['sh', '-c', 'echo $A'],
        env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }],
      },
    };
    await apply({
      apiVersion: 'qga.dev/v1alpha1',
      kind: 'GuestTask',
      metadata: { name: 'sealed-by-hand', namespace },
      spec: { guestName: 'web-1', action },
    });

    await kubectl('wait', '--for=condition=Complete', 'gtask/sealed-by-hand', '-n', namespace, '--timeout=60s');

    expect((await get<GuestTask>('guesttask', 'sealed-by-hand', namespace)).status?.exec?.stdout).toBe('here\n');
  });
});

describe('a command that nobody wants any more', () => {
  const stubborn = (mark: string) => ({
    command: ['sh', '-c', `trap "" TERM; (setsid sh -c 'trap "" TERM; sleep 300; : ${mark}') & sleep 300; : ${mark}`],
    terminationGracePeriodSeconds: 1,
  });

  it('is ended with all it started at its deadline, and the status says so', async () => {
    const guest = await outcome(inWeb1(stubborn('at-deadline'), { activeDeadlineSeconds: 3 }));

    expect(guest).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(guest.message).toContain('ended it, with all it had started');
    await expect.poll(() => processesOf('at-deadline'), { timeout: 10_000 }).toBe(0);
  });

  it.each([
    ['while the agent looks', 'seen-deleted', undefined, undefined],
    ['though no agent looked then', 'deleted', () => operator.agent().kill(), () => operator.agent().restart()],
  ])('is ended when its job is deleted, %s, and the guest’s events say so', async (_, mark, before, after) => {
    const name = await operator.create(inWeb1(stubborn(mark)));
    await eventually(async () => (await processesOf(mark)) >= 2, {
      what: 'the command to run',
      timeoutMs: 30_000,
    });
    const [task] = await operator.tasksOf(name);
    await before?.();

    await kubectl('delete', 'gxj', name, '-n', namespace);
    await expect.poll(async () => (await operator.tasksOf(name)).length, { timeout: 30_000 }).toBe(0);
    await after?.();

    await expect.poll(() => processesOf(mark), { timeout: 30_000 }).toBe(0);
    const events = ['get', 'events', '-n', namespace, '--field-selector', 'reason=DeletedTaskEnded', '-o', 'json'];
    const { name: taskName, uid = '' } = task?.metadata ?? {};
    await expect.poll(() => kubectl(...events), { timeout: 30_000 }).toMatch(new RegExp(`${taskName}|${uid}`));
  });

  it('is ended in every guest when one guest fails the job', async () => {
    const script = 'if [ "$(hostname)" = web-1 ]; then sleep 3; exit 9; fi; sleep 300; : other-guests';
    const name = await operator.create({
      target: { selector: { matchLabels: { app: 'web' } } },
      exec: { command: ['sh', '-c', script], terminationGracePeriodSeconds: 1 },
      failurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [9] } }] },
    });

    const { status } = await operator.ended(name);

    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Failed', reason: 'FailurePolicy' }));
    expect(status?.guests?.map(({ name: guest, reason }) => [guest, reason])).toEqual([
      ['web-1', 'NonZeroExit'],
      ['web-2', 'Released'],
    ]);
  });
});

it('tries a guest again as often as backoffLimit allows', async () => {
  const script = 'echo x >>/tmp/tries; [ $(wc -l </tmp/tries) -ge 2 ]';

  const guest = await outcome(inWeb1({ command: ['sh', '-c', script] }, { backoffLimit: 2 }));

  expect(guest).toMatchObject({ phase: 'Succeeded', attempts: 2 });
});

describe('what a command prints', () => {
  it('is shown while it runs', async () => {
    const name = await operator.create(inWeb1({ command: ['sh', '-c', 'seq 1000; sleep 8; echo end'] }));

    const seen = await eventually(
      async () => (await operator.tasksOf(name)).find(({ status }) => status?.exec?.stdoutBytes === 3893),
      { what: 'the progress in the status', timeoutMs: 30_000 },
    );

    expect(seen.status).toMatchObject({ phase: 'Running' });
    expect(seen.status?.exec?.stdout).toMatch(/999\n1000\n$/);
    expect((await operator.ended(name)).status?.guests?.[0]?.stdout).toMatch(/1000\nend\n$/);
  });

  it('is bounded in the guest however much it is, and the command never notices', async () => {
    const guest = await sharedGuest('web-1');
    const script = 'head -c 20000000 /dev/zero; echo the end; exit 4';

    const name = await operator.create(inWeb1({ command: ['sh', '-c', script], output: { limitBytes: 100_000 } }));
    const { status } = await operator.ended(name, 110_000);

    expect(status?.guests).toMatchObject([{ exitCode: 4, truncated: true }]);
    expect(status?.guests?.[0]?.stdout).toMatch(/the end\n$/);
    expect(Number((await guest.sh('du -s /run/qga')).stdout.split('\t')[0])).toBeLessThan(5000);
  });

  it.each(['ConfigMap', 'Secret'] as const)('is kept whole in a %s that goes with its task', async (store) => {
    const script = 'head -c 1200000 /dev/urandom | tee /tmp/printed; echo err >&2';
    const output = { store, limitBytes: 4_000_000 };

    const name = await operator.create(inWeb1({ command: ['sh', '-c', script], output }));
    const { status } = await operator.ended(name);
    const [task] = await operator.tasksOf(name);

    expect(status?.guests).toMatchObject([{ phase: 'Succeeded' }]);
    const { stored } = task?.status?.exec ?? {};
    expect(stored).toMatchObject({ kind: store, stdoutBytes: 1_200_000, stderrBytes: 4 });
    const parts = await Promise.all(
      (stored?.stdout ?? []).map((part) => get<ConfigMap & Secret>(store, part, namespace)),
    );
    expect(parts).toHaveLength(3);
    expect(parts.every(({ immutable }) => immutable)).toBe(true);
    const bytes = Buffer.concat(
      parts.map((part) => Buffer.from((part.binaryData ?? part.data)?.['data'] ?? '', 'base64')),
    );
    const { stdout: sum } = await (await sharedGuest('web-1')).sh('md5sum </tmp/printed');
    expect(createHash('md5').update(bytes).digest('hex')).toBe(sum.split(' ')[0]);
    await kubectl('delete', 'gxj', name, '-n', namespace);
    const left = () => kubectl('get', store, stored?.stdout?.[0] ?? '', '-n', namespace, '--ignore-not-found');
    await expect.poll(left, { timeout: 30_000 }).toBe('');
  });
});

function hostProcesses(): string {
  const read = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(read)
    .join('\n');
}
