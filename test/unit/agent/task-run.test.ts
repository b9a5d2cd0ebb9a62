import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { freezeAction } from '../../../src/agent/actions/freeze-action.ts';
import type { FreezeKeeper } from '../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import { TaskRun } from '../../../src/agent/task-run.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Hold } from '../../../src/guest/freeze-hold.ts';
import { Journal, type Sent } from '../../../src/guest/journal.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
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

interface Setting {
  freezer: SimulatedFreezer;
  journal: Journal<TaskOutcome>;
  task: GuestTask;
  clock?: FakeClock;
  sentBefore?: Sent;
}

async function carriedOut({ freezer, journal, task, clock = new FakeClock(), sentBefore }: Setting) {
  let delivered: GuestTask | undefined;
  const how = await new TaskRun({
    task,
    actionName: 'freeze',
    action: freezeAction,
    guest: new GuestRegistry(freezer).get('uuid'),
    sentBefore,
    openingKey: undefined,
    freezes: { find: () => undefined } as Partial<FreezeKeeper> as FreezeKeeper,
    cluster: { replaceStatus: async (_, object) => (delivered = object as never) } as Partial<Cluster> as Cluster,
    journal,
    clock,
    logger: recordingLogger().logger,
    stopped: new AbortController().signal,
  }).carryOut();
  return { how, delivered };
}
