import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Action } from '../../../src/agent/actions/action.ts';
import { freezeAction } from '../../../src/agent/actions/freeze-action.ts';
import type { FreezeKeeper } from '../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import { TaskRun } from '../../../src/agent/task-run.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Hold } from '../../../src/guest/hold.ts';
import { Journal, type Sent } from '../../../src/guest/journal.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { aFreezeTask, after, aGuest, aWindow, held } from '../manager/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { SimulatedFreezer } from '../support/simulated-freezer.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-task-run-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('does not freeze a guest again whose freeze came to its end after it was decided to go on with it', async () => {
  const freezer = new SimulatedFreezer();
  const clock = new FakeClock();
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const task = aFreezeTask(aWindow(), aGuest('web-1'), held());
  const hold: Hold = {
    task: 'team-a/backup',
    maxFrozenMs: 30_000,
    deadline: clock.now(),
    stage: 'held',
    result: { frozenAt: after(0), filesystems: { frozen: 1 } },
  };
  const sent: Sent = { guest: 'uuid', action: 'freeze' };
  const over = { ...hold, stage: 'over', ending: { by: 'Deadline' } } as const;
  await journal.record(task.metadata.uid ?? '', { state: 'sending', ...sent, note: over });

  const { delivered } = await carriedOut({ freezer, clock, journal, task, sentBefore: { ...sent, note: hold } });

  expect(freezer.calls).toEqual([]);
  expect(delivered?.status).toMatchObject({ phase: 'Succeeded', freeze: { endedBy: 'Deadline' } });
});

it.each([
  ['may remove what it left in its guest', 'hv1', 0, true],
  ['leaves what it left there to nobody where it went to another host meanwhile', 'hv2', 1, false],
  ['leaves what it left there to nobody where it went to another host and came back meanwhile', 'hv1', 2, false],
])('%s', async (_, nodeName, moves, mayGo) => {
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const claim = { node: 'hv1', instance: 'me', journal: journal.id, time: after(0) };
  const task = aFreezeTask(aWindow(), aGuest('web-1'), { ...held(), claim });
  const told: string[] = [];
  const action: Action = {
    commands: () => [],
    run: async () => ({ phase: 'Succeeded', reason: 'Completed' }),
    delivered: ({ metadata }) => void told.push(metadata.uid ?? ''),
  };

  const latest = { ...task, spec: { ...task.spec, nodeName, moves } };
  const { how } = await carriedOut({ freezer: new SimulatedFreezer(), journal, task, action, latest });

  expect(how).toBe('delivered');
  expect(told).toEqual(mayGo ? [task.metadata.uid] : []);
});

interface Setting {
  freezer: SimulatedFreezer;
  journal: Journal<TaskOutcome>;
  task: GuestTask;
  clock?: FakeClock;
  action?: Action;
  sentBefore?: Sent;
  /** The task as the API server has it, where that is not as it was claimed. */
  latest?: GuestTask;
}

async function carriedOut({
  freezer,
  journal,
  task,
  clock = new FakeClock(),
  action = freezeAction,
  sentBefore,
  latest,
}: Setting) {
  let delivered: GuestTask | undefined;
  const how = await new TaskRun({
    task,
    actionName: 'freeze',
    action,
    guest: new GuestRegistry(freezer).get('uuid'),
    sentBefore,
    openingKey: undefined,
    freezes: { find: () => undefined } as Partial<FreezeKeeper> as FreezeKeeper,
    cluster: {
      async replaceStatus(_kind: unknown, object: GuestTask) {
        if (latest && (object.spec.moves ?? 0) !== latest.spec.moves) throw new ApiError(409, 'Conflict', 'modified');
        return (delivered = object);
      },
      get: async () => latest,
    } as unknown as Cluster,
    journal,
    clock,
    logger: recordingLogger().logger,
    stopped: new AbortController().signal,
  }).carryOut();
  return { how, delivered };
}
