import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, expect, it, vi } from 'vitest';
import type { FreezeKeeper } from '../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import { TaskExecutor, type TaskExecutorOptions } from '../../../src/agent/task-executor.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Hypervisor, HypervisorEvent } from '../../../src/guest/hypervisor.ts';
import { Journal } from '../../../src/guest/journal.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { LibvirtError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { allCommands } from '../../../src/qga/commands.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aFreezeTask, aGuest, aJob, aTask, aWindow, noon } from '../manager/objects.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { SimulatedFreezer } from '../support/simulated-freezer.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-task-executor-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const guest = aGuest('web-1');
const uuid = guest.status?.domain?.uuid ?? '';
const claimedAt = timestamp(noon);

async function executorWith({
  cluster,
  freezes,
  hypervisor = {
    info: () => ({ uri: 'test:///', libvirtVersion: '9.0.0', hypervisorVersion: '1' }),
  },
}: {
  cluster: Partial<Cluster>;
  freezes?: Partial<FreezeKeeper>;
  hypervisor?: Partial<Hypervisor>;
}) {
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const registry = new GuestRegistry(hypervisor as Hypervisor);
  const live = registry.get(uuid);
  live.domain = { ...aDomain, uuid };
  live.health = { state: 'answers', facts: { agent: { allowedCommands: ['guest-exec', 'guest-exec-status'] } } };
  const started: string[] = [];
  const clock = new FakeClock();
  const options: TaskExecutorOptions = {
    cluster: cluster as Cluster,
    freezes: freezes as FreezeKeeper,
    journal,
    registry,
    openingKey: undefined,
    guestOf: () => guest,
    node: 'hv1',
    instance: 'me',
    clock,
    logger: recordingLogger().logger,
    signal: new AbortController().signal,
    lookAgain: () => {},
    onStarted: (actionName) => started.push(actionName),
  };
  return { journal, registry, started, clock, executor: new TaskExecutor(options) };
}

function aClaimedTask(journal: string): GuestTask {
  const claim = { node: 'hv1', instance: 'me', journal, bootId: 'boot-1', time: claimedAt };
  return aTask(aJob(), guest, { phase: 'Running', claim });
}

it('has on the disk that somebody may have begun with a task before it claims the task as its own', async () => {
  const task = aClaimedTask('a-lost-one');
  const uid = task.metadata.uid ?? '';
  let atClaim: unknown;
  const { journal, executor } = await executorWith({
    cluster: {
      async replaceStatus() {
        atClaim = journal.get(uid);
        throw new ApiError(0, 'ConnectionLost', 'socket hang up');
      },
    },
  });

  await expect(executor.reconcile(task)).rejects.toThrow('socket hang up');

  expect(atClaim).toMatchObject({ state: 'sending', takenOver: 'JournalLost', bootId: 'boot-1' });
});

it('remembers nothing of a task that went elsewhere while it was being taken over, before the journal had it', async () => {
  const task = aClaimedTask('a-lost-one');
  const { journal, executor } = await executorWith({
    cluster: {
      async replaceStatus() {
        throw new ApiError(409, 'Conflict', 'the object has been modified');
      },
      get: async () => ({ ...task, spec: { ...task.spec, nodeName: 'hv2' } }) as never,
    },
    freezes: { find: () => undefined },
  });
  executor.deleted(task);

  await expect(executor.reconcile(task)).rejects.toThrow('modified');

  await vi.waitFor(() => expect([...journal.tasks()]).toEqual([]));
});

it('begins nothing of a task that was deleted while it was being claimed', async () => {
  const task = aTask(aJob(), guest, { phase: 'Pending' });
  let claimed: unknown;
  const { started, executor } = await executorWith({
    cluster: {
      async replaceStatus(_, object) {
        claimed = object;
        executor.deleted(task);
        return object;
      },
    },
  });

  await executor.reconcile(task);
  await executor.drained();

  expect(claimed).toMatchObject({ status: { phase: 'Claimed' } });
  expect(started).toEqual([]);
});

it('says of a task that its guest is full, once as many run there as may at all', async () => {
  const task = aTask(aJob(), guest);
  const told: unknown[] = [];
  const { registry, clock, started, executor } = await executorWith({
    cluster: {
      async replaceStatus(_, object) {
        told.push(object);
        return object;
      },
    },
  });
  for (let number = 1; number <= 32; number += 1) registry.get(uuid).running.set(`run-${number}`, clock.monotonic());
  await clock.advance(60_000);

  await executor.reconcile(task);

  expect(told).toMatchObject([{ status: { phase: 'Pending', reason: 'GuestFull' } }]);
  expect(started).toEqual([]);
});

it('takes up a freeze in a full guest: it needs no room for a command, and the others wait for it', async () => {
  const exec = aTask(aJob(), guest);
  const freeze = { ...exec, spec: { ...exec.spec, action: { freeze: {} } } };
  const told: unknown[] = [];
  const { registry, clock, executor } = await executorWith({
    cluster: {
      async replaceStatus(_, object) {
        told.push(object);
        throw new ApiError(0, 'ConnectionLost', 'socket hang up');
      },
    },
  });
  const live = registry.get(uuid);
  live.health = { state: 'answers', facts: { agent: { allowedCommands: [...allCommands.keys()] } } };
  for (let number = 1; number <= 32; number += 1) live.running.set(`run-${number}`, clock.monotonic());

  await expect(executor.reconcile(freeze)).rejects.toThrow('socket hang up');

  expect(told).toMatchObject([{ status: { phase: 'Claimed' } }]);
});

it('leaves to the next process a freeze that the end of this one cut off, though its task has moved', async () => {
  const { journal, executor } = await executorWith({
    cluster: { get: async () => ({ ...moved, spec: { ...moved.spec, nodeName: 'hv2' } }) as never },
    freezes: { find: () => ({ forsake() {}, done: Promise.reject(new Error('the process ends')) }) as never },
  });
  const moved = aClaimedTask(journal.id);
  const uid = moved.metadata.uid ?? '';
  await journal.record(uid, { state: 'sending', guest: uuid, action: 'freeze' });

  executor.deleted(moved);
  await setImmediate();
  // What is written later is on the disk later.
  await journal.record('another', { state: 'sending', guest: uuid, action: 'exec' });

  expect(journal.get(uid)).toMatchObject({ state: 'sending', action: 'freeze' });
});

it.each([
  ['lists what a run left in its guest', {}, 1],
  ['leaves it there where several had a hand in it', { shared: true } as const, 0],
])('%s, once it has delivered what an earlier life of the process had brought to its end', async (_, more, listed) => {
  const { journal, registry, executor } = await executorWith({
    cluster: { replaceStatus: async (_kind: unknown, written: never) => written },
  });
  const task = aClaimedTask(journal.id);
  const uid = task.metadata.uid ?? '';
  await journal.record(uid, { state: 'ended', outcome: { phase: 'Succeeded', reason: 'Completed' }, ...more });

  await executor.reconcile(task);
  await executor.drained();

  expect(registry.get(uuid).finishedRuns).toEqual(Array(listed).fill(uid));
});

it('leaves in its guest what a run left there whose task turns out to be at another host when it is delivered', async () => {
  const { journal, registry, executor } = await executorWith({
    cluster: {
      async replaceStatus() {
        throw new ApiError(409, 'Conflict', 'the object has been modified');
      },
      get: async () => ({ ...task, spec: { ...task.spec, moves: 1, nodeName: 'hv2' } }) as never,
    },
  });
  const task = aClaimedTask(journal.id);
  const outcome = { phase: 'Succeeded', reason: 'Completed' } as const;
  await journal.record(task.metadata.uid ?? '', { state: 'ended', outcome });

  await executor.reconcile(task);
  await executor.drained();

  expect(registry.get(uuid).finishedRuns).toEqual([]);
});

it('lists what the last runs that an earlier life of the process delivered left in their guest, and no others', async () => {
  const { journal, registry, executor } = await executorWith({ cluster: {} });
  const claim = { node: 'hv1', instance: 'me', journal: journal.id, bootId: 'boot-1', time: claimedAt };
  const exec = { exitCode: 0, stdoutBytes: 0, stderrBytes: 0 };
  const over = { phase: 'Succeeded', claim, startTime: claimedAt, exec } as const;
  const named = (name: string, status: GuestTask['status'], spec: Partial<GuestTask['spec']> = {}): GuestTask => {
    const task = aTask(aJob(), guest, status);
    return { ...task, metadata: { ...task.metadata, uid: name }, spec: { ...task.spec, ...spec } };
  };
  const earlier = Array.from({ length: 70 }, (_, second) =>
    named(`run-${second}`, { ...over, completionTime: timestamp(noon + second * 1000) }),
  );

  executor.takeUp([
    ...earlier.toReversed(),
    named('goes on', { phase: 'Running', claim }),
    named('given up by the manager', { ...over, phase: 'Unknown', reason: 'HostGone', exec: { stdoutBytes: 3 } }),
    named('was at another host', over, { moves: 2 }),
    named('begun by a journal that was lost since', { ...over, startTime: timestamp(noon - 60_000) }),
    named('of a lost journal', { ...over, claim: { ...claim, journal: 'a-lost-one' } }),
  ]);

  expect(registry.get(uuid).finishedRuns).toEqual(earlier.slice(-64).map(({ metadata }) => metadata.uid));
});

it('keeps nothing of a guest whose domain vanished while a task ran there, once that has ended', async () => {
  const vanished = Promise.withResolvers<void>();
  let told: GuestTask | undefined;
  const { journal, registry, executor, clock } = await executorWith({
    cluster: { replaceStatus: async (_kind: unknown, written: never) => (told = written) },
    freezes: { find: () => undefined },
    hypervisor: {
      info: () => undefined,
      domain: async () => undefined,
      async agentCommand() {
        await vanished.promise;
        throw new LibvirtError({ code: virErrorNumber.NO_DOMAIN, domain: 10, level: 2, message: 'no domain' }, false);
      },
    },
  });
  const task = aClaimedTask(journal.id);
  await journal.record(task.metadata.uid ?? '', { state: 'sending', guest: uuid, action: 'exec', bootId: 'boot-1' });
  await executor.reconcile(task);
  const stopped = { type: 'lifecycle', uuid, name: 'web-1', event: 'stopped', detail: 1 } as HypervisorEvent;
  registry.get(uuid).departure.onEvent(stopped, clock.monotonic());

  registry.gone(uuid, clock.monotonic());
  registry.listed([], clock.monotonic());
  expect(registry.find(uuid)?.running.size).toBe(1);
  vanished.resolve();
  await executor.drained();

  expect(told?.status).toMatchObject({ phase: 'Unknown', reason: 'GuestStopped' });
  // As the watch tells of it.
  await executor.reconcile({ ...task, ...told });
  registry.listed([], clock.monotonic());
  expect(registry.find(uuid)).toBeUndefined();
});

it('disarms the guard of a freeze that was being prepared when its process died and somebody called its task over', async () => {
  const freezer = new SimulatedFreezer();
  const { journal, executor, clock } = await executorWith({
    cluster: {},
    freezes: { find: () => undefined },
    hypervisor: freezer,
  });
  const { metadata, ...task } = aFreezeTask(aWindow(), guest, { phase: 'Unknown', reason: 'HostGone' });
  const uid = metadata.uid ?? '';
  freezer.armed = uid;
  await journal.record(uid, { state: 'sending', guest: uuid, action: 'freeze' });

  await executor.reconcile({ metadata, ...task });
  await expect
    .poll(async () => {
      await clock.advance(1000);
      return journal.get(uid);
    })
    .toBeUndefined();

  expect(freezer.armed).toBeUndefined();
});
