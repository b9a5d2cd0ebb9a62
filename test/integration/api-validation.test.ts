import { describe, expect, it } from 'vitest';
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
      'more arguments than one agent command carries',
      { ...good, exec: { command: Array(3).fill('x'.repeat(60_000)) as string[] } },
      '128 KiB together',
    ],
    ['negative parallelism', { ...good, parallelism: -1 }, 'greater than or equal to 1'],
    ['parallelism of zero', { ...good, parallelism: 0 }, 'greater than or equal to 1'],
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

  it('keeps its past: target and exec can not be changed, pace and patience can', async () => {
    await applySpec('GuestExecJob', 'job', good);

    await expect(applySpec('GuestExecJob', 'job', { ...good, exec: { command: ['false'] } })).rejects.toThrow(
      "exec can't be changed",
    );
    await expect(applySpec('GuestExecJob', 'job', { ...good, target: { guestName: 'web-2' } })).rejects.toThrow(
      "target can't be changed",
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
  const patch = (change: object) =>
    kubectl('patch', 'guesttask', 'task', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec: change }));

  it('needs an action', async () => {
    await expect(applySpec('GuestTask', 'bad', { ...spec, action: {} })).rejects.toThrow('exactly one action');
  });

  it('is bound once and changed never', async () => {
    await applySpec('GuestTask', 'task', spec);
    await patch({ nodeName: 'hv1', guestUID: uuid });

    await expect(patch({ nodeName: 'hv2' })).rejects.toThrow('nodeName is set once');
    await expect(patch({ nodeName: null })).rejects.toThrow('nodeName is set once');
    await expect(patch({ guestUID: null })).rejects.toThrow('guestUID is set once');
    await expect(patch({ guestName: 'web-2' })).rejects.toThrow("guestName can't be changed");
    await expect(patch({ action: { exec: { command: ['false'] } } })).rejects.toThrow("action can't be changed");
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
