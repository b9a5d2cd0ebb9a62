import { describe, expect, it } from 'vitest';
import type { Guest, GuestTask } from '../../../src/api/resources.ts';
import { TaskBinder } from '../../../src/manager/task-binder.ts';
import { TaskInputs } from '../../../src/manager/task-inputs.ts';
import { needsSealing, newNodeOf } from '../../../src/manager/task-readiness.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { aGuest, aJob, aTask } from './objects.ts';

const guest = aGuest('web-1');
const movedGuest: Guest = { ...guest, status: { ...guest.status, node: 'hv2' } };
const running: GuestTask['status'] = { phase: 'Running' };

describe('the node that a task is to follow its guest to', () => {
  it('is the one that says that it runs the guest now', () => {
    expect(newNodeOf(aTask(aJob(), guest, running), movedGuest)).toBe('hv2');
    expect(newNodeOf(aTask(aJob(), guest), movedGuest)).toBe('hv2');
  });

  it('is none while the guest stays, or nobody says where it is', () => {
    const task = aTask(aJob(), guest, running);

    expect(newNodeOf(task, guest)).toBeUndefined();
    expect(newNodeOf(task, undefined)).toBeUndefined();
  });

  it('is none for a task that is over, or that has no node yet', () => {
    const { nodeName: _, ...unbound } = aTask(aJob(), guest).spec;

    expect(newNodeOf(aTask(aJob(), guest, { phase: 'Succeeded' }), movedGuest)).toBeUndefined();
    expect(newNodeOf({ ...aTask(aJob(), guest), spec: unbound }, movedGuest)).toBeUndefined();
  });

  it('is none where the Guest stands for another domain by now', () => {
    const domain = { uuid: '00000000-0000-4000-8000-000000000000', name: 'web-1', state: 'running', persistent: true };
    const replaced: Guest = { ...movedGuest, status: { ...movedGuest.status, domain } };

    expect(newNodeOf(aTask(aJob(), guest, running), replaced)).toBeUndefined();
  });
});

it('binds a task anew as it was last seen, and counts the move', async () => {
  const made = aTask(aJob(), guest, running);
  const task: GuestTask = {
    ...made,
    metadata: { ...made.metadata, resourceVersion: '7' },
    spec: { ...made.spec, moves: 2 },
  };
  const cluster = new MemoryCluster();
  const patches: object[] = [];
  cluster.mergePatch = async (_resource, _ref, patch) => {
    patches.push(patch);
    return task as never;
  };
  const fleet = {
    tasks: { cache: { get: () => task } },
    guests: { cache: { get: () => movedGuest } },
    sealingKeyOf: () => undefined,
  };
  const inputs = new TaskInputs({ cluster: cluster.cluster, operatorNamespace: 'qga-system' });
  const binder = new TaskBinder({ cluster: cluster.cluster, inputs, fleet: fleet as never });

  await binder.reconcile('team-a/task', AbortSignal.timeout(5000));

  expect(patches).toEqual([{ metadata: { resourceVersion: '7' }, spec: { nodeName: 'hv2', moves: 3 } }]);
});

it.each(['SealedToAnotherKey', 'NoSealingKey', 'InputNotFound', 'InputInvalid'])(
  'still has a task to seal anew that waits with reason %s',
  (reason) => {
    const exec = { command: ['x'], stdinFrom: { secretKeyRef: { name: 's', key: 'k' } } };
    const task = aTask(aJob({ exec }), guest, { phase: 'Running', reason });
    const sealed: GuestTask = { ...task, spec: { ...task.spec, sealed: { keyId: 'old' } as never } };

    expect(needsSealing(sealed)).toBe(true);
    expect(needsSealing({ ...sealed, status: { phase: 'Running' } })).toBe(false);
    expect(needsSealing({ ...sealed, status: { phase: 'Failed', reason } })).toBe(false);
  },
);
