import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { ActionRun } from '../../../../src/agent/actions/action.ts';
import { freezeAction } from '../../../../src/agent/actions/freeze-action.ts';
import { FreezeKeeper, type FreezeKeeperOptions } from '../../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../../src/agent/task-decision.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { GuestTaskStatus } from '../../../../src/api/schema/guest-task.ts';
import type { Hold } from '../../../../src/guest/hold.ts';
import { Journal, type JournalEntry } from '../../../../src/guest/journal.ts';
import { type Clock, systemClock } from '../../../../src/seams/clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import type { SimulatedFreezer } from '../../support/simulated-freezer.ts';

const start = Date.now();
let root: string;
const lives: { end(): Promise<void> }[] = [];

/** Ten times as fast as time. */
export const clock: Clock = {
  now: () => start + (Date.now() - start) * 10,
  monotonic: () => systemClock.monotonic() * 10,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
  after: (ms, callback) => systemClock.after(ms / 10, callback),
};

/** Ends the lives of each test, and removes what they left on the disk. */
export function useLives(): void {
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'qga-freeze-keeper-'));
  });
  afterEach(async () => {
    for (const life of lives.splice(0)) await life.end();
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
}

/** One life of the agent process: its journal and what it keeps. */
export async function live(
  freezer: SimulatedFreezer,
  state: string,
  { onChange = () => {}, time = clock }: { onChange?: FreezeKeeperOptions['onChange']; time?: Clock } = {},
) {
  const journal = await Journal.open<TaskOutcome>(state);
  const registry = new GuestRegistry(freezer);
  const stop = new AbortController();
  const keeper = new FreezeKeeper({
    registry,
    journal,
    hypervisor: freezer,
    clock: time,
    logger: recordingLogger().logger,
    onChange,
  });
  const running = keeper.run(stop.signal);
  let ended: Promise<void> | undefined;
  const life = {
    journal,
    keeper,
    registry,
    guest: registry.get('uuid'),
    /** As SIGTERM. */
    async end() {
      stop.abort();
      ended ??= running.then(() => journal.close());
      await ended;
    },
  };
  lives.push(life);
  return life;
}

type Life = Awaited<ReturnType<typeof live>>;

/** The state directory of one node. */
export function folder(): string {
  return mkdtempSync(join(root, 'node-'));
}

export function hold(maxFrozenMs = 60_000, more: Partial<Hold> = {}): Hold {
  const deadline = clock.now() + maxFrozenMs;
  return { task: 'team-a/backup', maxFrozenMs, deadline, stage: 'planned', result: { guard: 'Armed' }, ...more };
}

export async function until(test: () => boolean): Promise<void> {
  for (let tries = 0; !test(); tries++) {
    if (tries > 2000) throw new Error('it never came to that');
    await systemClock.sleep(5);
  }
}

/** Journalled by an earlier life that was killed. */
export async function leftBehind(state: string, left: Hold): Promise<void> {
  const journal = await Journal.open<TaskOutcome>(state);
  await journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze', note: left });
  await journal.close();
}

export function noteOf(journal: Journal<TaskOutcome>, task = 'task'): Hold | undefined {
  const entry = journal.get(task);
  return entry?.state === 'sending' ? (entry.note as Hold) : undefined;
}

/** As when the task's object is gone. */
export async function abandon({ journal, keeper: freezes, guest }: Life): Promise<void> {
  const sent = sentIn({ journal });
  await freezeAction.abandon?.('task', {
    guest,
    sent,
    note: (note) => journal.record('task', { ...sent, note }),
    freezes,
    clock,
    logger: recordingLogger().logger,
    stopped: new AbortController().signal,
  });
}

/** What the journal has of the freeze. */
export function sentIn({ journal }: Pick<Life, 'journal'>): Extract<JournalEntry<TaskOutcome>, { state: 'sending' }> {
  const entry = journal.get('task');
  if (entry?.state !== 'sending') throw new Error('the journal has no such freeze');
  return entry;
}

/** A freeze as an action of a life sees it, and what it shows meanwhile. */
export function runIn({ keeper: freezes, guest }: Life, more: Partial<ActionRun>, status?: GuestTaskStatus) {
  const task = {
    metadata: { namespace: 'team-a', name: 'backup', uid: 'task' },
    spec: { guestName: 'web-1', action: { freeze: {} } },
    ...(status && { status }),
  } as GuestTask;
  const shown: Parameters<ActionRun['show']>[0][] = [];
  const signal = new AbortController().signal;
  const run = {
    task,
    latest: () => task,
    onUpdate: () => {},
    show: (progress) => void shown.push(progress),
    guest,
    freezes,
    stopped: signal,
    withdrawn: signal,
    clock,
    logger: recordingLogger().logger,
    ...more,
  } as ActionRun;
  return { run, shown };
}
