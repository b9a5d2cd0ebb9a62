import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ActionRun, type Ending, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { freezeAction } from '../../../../src/agent/actions/freeze-action.ts';
import { FreezeKeeper } from '../../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../../src/agent/task-decision.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { FreezeAction } from '../../../../src/api/schema/freeze.ts';
import { Journal, type Sent } from '../../../../src/guest/journal.ts';
import { type Clock, systemClock } from '../../../../src/seams/clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SimulatedFreezer, silence } from '../../support/simulated-freezer.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-freeze-action-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) };

/** One life of a process that carries a freeze out. */
async function carryOut(
  freezer: SimulatedFreezer,
  { freeze = {}, sentBefore }: { freeze?: FreezeAction; sentBefore?: Sent } = {},
) {
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const registry = new GuestRegistry(freezer);
  const { logger } = recordingLogger();
  const freezes = new FreezeKeeper({ registry, journal, hypervisor: freezer, clock, logger, onChange: () => {} });
  const withdraw = new AbortController();
  const stop = new AbortController();
  const task = {
    metadata: { namespace: 'team-a', name: 'backup', uid: 'task' },
    spec: { guestName: 'web-1', action: { freeze } },
  } as GuestTask;
  const notes: unknown[] = [];
  const ending = freezeAction.run({
    task,
    latest: () => task,
    onUpdate: () => {},
    show: () => {},
    note: async (note: unknown) => void notes.push(note),
    guest: registry.get('uuid'),
    freezes,
    sentBefore,
    stopped: stop.signal,
    withdrawn: withdraw.signal,
    clock,
    logger,
  } as unknown as ActionRun) as Promise<Ending>;
  return { ending, notes, letGo: () => withdraw.abort(new TaskDeleted()), die: () => stop.abort(new Error('it ends')) };
}

it('disarms the guard of a guest that is let go in the very moment in which it is armed', async () => {
  const freezer = new SimulatedFreezer();
  const armed = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  freezer.before = async (call) => {
    if (call !== 'exec' || freezer.armed) return;
    sent.resolve();
    await armed.promise;
  };

  const { ending, letGo } = await carryOut(freezer);
  await sent.promise;
  letGo();
  armed.resolve();

  expect(await ending).toMatchObject({ reason: 'Released', freeze: { endedBy: 'Deletion' } });
  expect(freezer.armed).toBeUndefined();
  expect(freezer.calls).not.toContain('freeze');
});

it('disarms a guard that may have been armed though the answer was lost', async () => {
  const freezer = new SimulatedFreezer();
  freezer.before = (call) => {
    if (call !== 'exec' || freezer.armed) return;
    freezer.armed = 'task';
    throw silence();
  };

  const { ending } = await carryOut(freezer);

  expect(await ending).toMatchObject({ phase: 'Failed', reason: 'AgentUnresponsive' });
  expect(freezer.armed).toBeUndefined();
});
