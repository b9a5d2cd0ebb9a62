import { describe, expect, it } from 'vitest';
import type { GuestTask } from '../../src/api/resources.ts';
import { sharedCluster, testNamespace } from '../harness/fixtures.ts';

const namespace = testNamespace();
const { kubectl, apply } = sharedCluster();
const good = { target: { guestName: 'web-1' }, exec: { command: ['true'] } };

function applySpec(kind: string, name: string, spec: object): Promise<string> {
  return apply({ apiVersion: 'qga.dev/v1alpha1', kind, metadata: { name, namespace }, spec });
}

describe('a GuestExecJob', () => {
  it.each([
    ['no command', { ...good, exec: { command: [] } }, 'spec.exec.command'],
    ['an empty program', { ...good, exec: { command: [''] } }, 'command[0] names the program'],
    ['a NUL in an argument', { ...good, exec: { command: ['x', 'a\0b'] } }, "an argument can't contain a NUL"],
    [
      'a NUL in a variable',
      { ...good, exec: { command: ['x'], env: [{ name: 'A', value: 'a\0b' }] } },
      "can't contain a NUL",
    ],
    [
      'a variable no shell can name',
      { ...good, exec: { command: ['x'], env: [{ name: '1A', value: '' }] } },
      'starts with no digit',
    ],
    [
      'a variable that shells keep for themselves',
      { ...good, exec: { command: ['x'], env: [{ name: 'UID', value: '0' }] } },
      'a shell keeps these variables for itself',
    ],
    [
      'more arguments than one agent command carries',
      { ...good, exec: { command: Array(3).fill('x'.repeat(60_000)) as string[] } },
      '128 KiB together',
    ],
    ['negative parallelism', { ...good, parallelism: -1 }, 'parallelism is a whole number from 1'],
    ['parallelism of zero', { ...good, parallelism: 0 }, 'parallelism is a whole number from 1'],
    ['parallelism of no guests at all', { ...good, parallelism: '0%' }, 'or a percentage such as 25%'],
    ['a share above all', { ...good, maxFailures: '101%' }, 'or a percentage such as 25%'],
    ['a share that is no number', { ...good, maxFailures: 'half' }, 'or a percentage such as 25%'],
    ['a negative backoffLimit', { ...good, backoffLimit: -1 }, 'backoffLimit'],
    ['a rule without a condition', { ...good, failurePolicy: { rules: [{ action: 'Retry' }] } }, 'exactly one of'],
    [
      'a rule with two conditions',
      { ...good, failurePolicy: { rules: [{ action: 'Retry', onSignals: [9], onOutcomes: ['Unknown'] }] } },
      'exactly one of',
    ],
    [
      'a retry of what may have run',
      { ...good, failurePolicy: { rules: [{ action: 'Retry', onOutcomes: ['Unknown'] }] } },
      'only with idempotent: true',
    ],
    [
      'both guestName and selector',
      { ...good, target: { guestName: 'a', selector: { matchLabels: { a: 'b' } } } },
      'exactly one of guestName and selector',
    ],
    ['neither guestName nor selector', { ...good, target: {} }, 'exactly one of guestName and selector'],
    ['a selector that selects everything', { ...good, target: { selector: {} } }, 'the selector is empty'],
    [
      'a selector with In and no values',
      { ...good, target: { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
      'In and NotIn need values',
    ],
    ['a deadline of zero', { ...good, activeDeadlineSeconds: 0 }, 'activeDeadlineSeconds'],
    ['a field that does not exist', { ...good, paralelism: 3 }, 'unknown field "spec.paralelism"'],
  ])('is refused with %s', async (_, spec, sentence) => {
    await expect(applySpec('GuestExecJob', 'bad', spec)).rejects.toThrow(sentence);
  });

  it('takes any variable where no shell is in the way', async () => {
    const env = [{ name: 'UID', value: '0' }];

    await applySpec('GuestExecJob', 'direct', { ...good, exec: { mode: 'Direct', command: ['/bin/true'], env } });
  });

  it('keeps its past: target and exec can not be changed, pace and patience can', async () => {
    await applySpec('GuestExecJob', 'job', good);

    await expect(applySpec('GuestExecJob', 'job', { ...good, exec: { command: ['false'] } })).rejects.toThrow(
      "exec can't be changed",
    );
    await expect(applySpec('GuestExecJob', 'job', { ...good, target: { guestName: 'web-2' } })).rejects.toThrow(
      "target can't be changed",
    );
    await expect(applySpec('GuestExecJob', 'job', { ...good, dryRun: true })).rejects.toThrow(
      "dryRun can't be changed",
    );
    await applySpec('GuestExecJob', 'job', { ...good, parallelism: 3, suspend: true, activeDeadlineSeconds: 60 });
  });

  it('has short names, columns and a category', async () => {
    expect(await kubectl('get', 'gxj', '-n', namespace)).toMatch(
      /^NAME +STATUS +SUCCEEDED +FAILED +RUNNING +WAITING +AGE/,
    );
    expect(await kubectl('get', 'qga', '-n', namespace)).toContain('guestexecjob.qga.dev/job');
  });
});

describe('a GuestTask', () => {
  const spec = { guestName: 'web-1', action: { exec: { command: ['true'] } } };
  const uuid = '00000000-0000-4000-8000-000000000001';
  const ref = { secretKeyRef: { name: 's', key: 'k' } };
  const patch = (change: object) =>
    kubectl('patch', 'guesttask', 'task', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: change }));

  it('needs an action', async () => {
    await expect(applySpec('GuestTask', 'bad', { ...spec, action: {} })).rejects.toThrow('exactly one action');
  });

  it('is bound once and changed never', async () => {
    await applySpec('GuestTask', 'task', spec);
    await patch({ nodeName: 'hv1', guestUID: uuid });

    await expect(patch({ nodeName: 'hv2' })).rejects.toThrow('nodeName is set once');
    await expect(patch({ nodeName: null })).rejects.toThrow("nodeName can't be removed");
    await expect(patch({ guestUID: null })).rejects.toThrow('guestUID is set once');
    await expect(patch({ guestName: 'web-2' })).rejects.toThrow("guestName can't be changed");
    await expect(patch({ action: { exec: { command: ['false'] } } })).rejects.toThrow("action can't be changed");
  });

  it('follows its guest to another host, and counts that', async () => {
    await applySpec('GuestTask', 'moving', { ...spec, nodeName: 'hv1', guestUID: uuid });
    const move = (change: object) =>
      kubectl('patch', 'guesttask', 'moving', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: change }));

    await expect(move({ moves: 1 })).rejects.toThrow('counts it in moves');
    await move({ nodeName: 'hv2', moves: 1 });
    await expect(move({ nodeName: 'hv1' })).rejects.toThrow('counts it in moves');
    await expect(move({ nodeName: 'hv1', moves: 3 })).rejects.toThrow('counts it in moves');
    await move({ nodeName: 'hv1', moves: 2 });
  });

  const big = 'x'.repeat(786_433);
  it.each([
    [
      'two ways to give arguments',
      { command: { execute: 'guest-ping', arguments: {}, argumentsFrom: ref } },
      'not both',
    ],
    ['a freeze without a bound', { command: { execute: 'guest-fsfreeze-freeze' } }, 'use action freeze'],
    [
      'a password for all to read',
      {
        command: { execute: 'guest-set-user-password', arguments: { username: 'a', password: 'eA==', crypted: false } },
      },
      'use action setPassword',
    ],
    ['arguments that are no object', { command: { execute: 'guest-sync', arguments: 7 } }, 'action.command.arguments'],
    [
      'an alarm for what can not be woken',
      { command: { execute: 'guest-shutdown', wakeAfterSeconds: 9 } },
      'is for guest-suspend-ram',
    ],
    ['a NUL in a path', { readFile: { path: '/a\0b' } }, "a path can't contain a NUL"],
    ['a relative path', { readFile: { path: 'etc/passwd' } }, 'a path is absolute'],
    ['more than a status can hold', { readFile: { path: '/a', maxBytes: 786_433 } }, 'action.readFile.maxBytes'],
    ['a negative offset', { readFile: { path: '/a', offset: -1 } }, 'action.readFile.offset'],
    ['nothing to write', { writeFile: { path: '/a' } }, 'exactly one of content, contentBase64 and contentFrom'],
    ['two things to write', { writeFile: { path: '/a', content: '', contentBase64: '' } }, 'exactly one of content'],
    ['more than a task can hold', { writeFile: { path: '/a', content: big } }, 'action.writeFile.content'],
    ['bytes that are no base64', { writeFile: { path: '/a', contentBase64: '%' } }, 'action.writeFile.contentBase64'],
    [
      'a file that may be made of nothing',
      { writeFile: { path: '/a', contentFrom: { secretKeyRef: { ...ref.secretKeyRef, optional: true } } } },
      'never optional',
    ],
    ['a mode that is no mode', { writeFile: { path: '/a', content: '', mode: '888' } }, 'octal digits'],
    ['an owner that is none', { writeFile: { path: '/a', content: '', owner: 'a;b' } }, 'owner is an account'],
  ])('is refused with %s', async (_, action, sentence) => {
    await expect(applySpec('GuestTask', 'bad', { guestName: 'web-1', action })).rejects.toThrow(sentence);
  });

  it('takes paths of Windows, and keeps the arguments of a command as they are', async () => {
    await applySpec('GuestTask', 'windows', { guestName: 'w', action: { readFile: { path: 'C:\\autoexec.bat' } } });
    const command = {
      execute: 'guest-set-memory-blocks',
      arguments: { 'mem-blks': [{ 'phys-index': '9223372036854775807', online: false }] },
    };
    await applySpec('GuestTask', 'blocks', { guestName: 'web-1', action: { command } });

    const task = await sharedCluster().get<GuestTask>('guesttask', 'blocks', namespace);
    expect(task.spec.action).toEqual({ command });
    const other = { action: { command: { arguments: { 'mem-blks': [] } } } };
    await expect(
      kubectl('patch', 'guesttask', 'blocks', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: other })),
    ).rejects.toThrow("action can't be changed");
  });

  it('can be selected by its node, as agents watch them', async () => {
    expect(
      await kubectl('get', 'gtask', '-n', namespace, '--field-selector', 'spec.nodeName=hv1', '-o', 'name'),
    ).toContain('guesttask.qga.dev/task');
    expect(await kubectl('get', 'gtask', '-n', namespace, '--field-selector', 'spec.nodeName=hv2', '-o', 'name')).toBe(
      '',
    );
  });
});

describe('an FsFreezeWindow', () => {
  const once = { target: { guestName: 'web-1' } };
  const scheduled = { ...once, schedule: '0 3 * * *' };
  const hook = (timeoutSeconds: number) => ({ name: 'flush', command: ['flush'], timeoutSeconds });

  it.each([
    ['maxFrozenSeconds of zero', { ...once, maxFrozenSeconds: 0 }, 'greater than or equal to 1'],
    ['maxFrozenSeconds beyond ten minutes', { ...once, maxFrozenSeconds: 601 }, 'less than or equal to 600'],
    ['a mountpoint that is no path', { ...once, mountpoints: ['data'] }, 'a mountpoint is an absolute path'],
    ['an unknown policy', { ...once, policy: 'Maybe' }, 'supported values: "Required", "BestEffort", "Skip"'],
    ['no target', {}, 'spec.target: Required value'],
    ['a schedule of four fields', { ...once, schedule: '0 3 * *' }, 'a schedule is five fields'],
    ['a schedule with seconds', { ...once, schedule: '0 0 3 * * *' }, 'a schedule is five fields'],
    ['a zone within the schedule', { ...once, schedule: 'TZ=UTC 0 3 * * *' }, 'a schedule is five fields'],
    ['@reboot', { ...once, schedule: '@reboot' }, 'a schedule is five fields'],
    ['a time zone and no schedule', { ...once, timeZone: 'UTC' }, 'need a schedule'],
    ['a schedule that is released', { ...scheduled, release: true }, 'a scheduled window holds nothing itself'],
    [
      'hooks that outlast the starting deadline',
      { ...once, hooks: { before: [hook(40), hook(40)] } },
      'add up to more than startingDeadlineSeconds',
    ],
    [
      'one claim twice',
      { ...once, volumeSnapshots: [{ persistentVolumeClaimName: 'a' }, { persistentVolumeClaimName: 'a' }] },
      'Duplicate value',
    ],
  ])('is refused with %s', async (_, spec, sentence) => {
    await expect(applySpec('FsFreezeWindow', 'bad', spec)).rejects.toThrow(sentence);
  });

  it.each(['0 3 * * *', '*/5 8-18 * * MON-FRI', '@daily'])('takes the schedule %s', async (schedule) => {
    await applySpec('FsFreezeWindow', `good-${schedule.length}`, { ...once, schedule });
  });

  it('keeps its past: what it freezes can not be changed, it can be released, and that not be taken back', async () => {
    await applySpec('FsFreezeWindow', 'window', once);

    await expect(applySpec('FsFreezeWindow', 'window', { ...once, maxFrozenSeconds: 5 })).rejects.toThrow(
      "what a window freezes, and how, can't be changed",
    );
    await expect(applySpec('FsFreezeWindow', 'window', scheduled)).rejects.toThrow(
      'a window is scheduled or it is not',
    );
    await applySpec('FsFreezeWindow', 'window', { ...once, release: true });
    await expect(applySpec('FsFreezeWindow', 'window', once)).rejects.toThrow("release can't be taken back");
  });

  it('may be changed for the times to come where it is scheduled', async () => {
    await applySpec('FsFreezeWindow', 'nightly', scheduled);

    await applySpec('FsFreezeWindow', 'nightly', {
      ...scheduled,
      schedule: '0 4 * * *',
      maxFrozenSeconds: 5,
      suspend: true,
    });
  });
});
