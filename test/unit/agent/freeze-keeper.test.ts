import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { ActionRun } from '../../../src/agent/actions/action.ts';
import { freezeAction } from '../../../src/agent/actions/freeze-action.ts';
import { FreezeKeeper, type FreezeKeeperOptions } from '../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { FreezeResult } from '../../../src/api/schema/freeze.ts';
import { worthOf } from '../../../src/guest/freeze-worth.ts';
import type { Hold } from '../../../src/guest/hold.ts';
import { Journal, type TakenOver } from '../../../src/guest/journal.ts';
import { type Clock, systemClock } from '../../../src/seams/clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { broken, SimulatedFreezer, silence } from '../support/simulated-freezer.ts';

const start = Date.now();
const root = mkdtempSync(join(tmpdir(), 'qga-freeze-keeper-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Ten times as fast as time. */
const clock: Clock = {
  now: () => start + (Date.now() - start) * 10,
  monotonic: () => systemClock.monotonic() * 10,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
  after: (ms, callback) => systemClock.after(ms / 10, callback),
};
const lives: { end(): Promise<void> }[] = [];
afterEach(async () => {
  for (const life of lives.splice(0)) await life.end();
});

/** One life of the agent process: its journal and what it keeps. */
async function live(
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

function folder(): string {
  return mkdtempSync(join(root, 'node-'));
}

function hold(maxFrozenMs = 60_000, more: Partial<Hold> = {}): Hold {
  const deadline = clock.now() + maxFrozenMs;
  return { task: 'team-a/backup', maxFrozenMs, deadline, stage: 'planned', result: { guard: 'Armed' }, ...more };
}

async function until(test: () => boolean): Promise<void> {
  for (let tries = 0; !test(); tries++) {
    if (tries > 2000) throw new Error('it never came to that');
    await systemClock.sleep(5);
  }
}

/** Journalled by an earlier life that was killed. */
async function leftBehind(state: string, left: Hold): Promise<void> {
  const journal = await Journal.open<TaskOutcome>(state);
  await journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze', note: left });
  await journal.close();
}

it('has the deadline on the disk before the freeze is sent', async () => {
  const freezer = new SimulatedFreezer();
  const state = folder();
  const { keeper, guest } = await live(freezer, state);
  const onDisk: string[] = [];
  freezer.before = (call) => {
    if (call === 'freeze') onDisk.push(readFileSync(join(state, 'journal.jsonl'), 'utf8'));
  };
  const planned = hold();

  const holder = keeper.begin(guest, 'task', planned);
  await until(() => freezer.frozen);
  holder.end({ by: 'Release' });

  expect(worthOf(await holder.done).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Release' });
  expect(onDisk).toHaveLength(1);
  expect(onDisk[0]).toContain(`"deadline":${planned.deadline}`);
});

it('tells nobody of a guest that is frozen while the answer of another is on its way: that would put it off', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const told: string[] = [];
  const onChange: FreezeKeeperOptions['onChange'] = (uuid, { stage }) => {
    if (stage === 'held') told.push(`${uuid}, other answered: ${answered}`);
  };
  // A quarter of a second is too short for a busy machine, were it ten times as fast.
  const { keeper, registry, journal } = await live(freezer, folder(), { onChange, time: systemClock });
  let answered = false;
  Object.assign(freezer, {
    async fsFreeze(uuid: string) {
      if (uuid === 'slow') {
        await until(() => noteOf(journal, 'quick')?.stage === 'held');
        await setImmediate();
        answered = true;
      }
      return 1;
    },
  });

  for (const uuid of ['quick', 'slow']) keeper.begin(registry.get(uuid), uuid, hold());
  await until(() => told.length === 2);

  expect(told).toEqual(['quick, other answered: true', 'slow, other answered: true']);
});

it.each<[string, Partial<Hold>, string]>([
  ['whose freeze may have been sent', { stage: 'planned' }, 'ConsistencyLost'],
  ['that is overdue', { stage: 'held', deadline: 0 }, 'Consistent'],
])('thaws a guest that an earlier life left %s, with no API server', async (_, left, verdict) => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const frozen = { frozen: 1 };
  const frozenAt = '2026-01-01T12:00:00.000000Z';
  const result = left.stage === 'held' ? { frozenAt, filesystems: frozen } : {};
  await leftBehind(state, hold(60_000, { ...left, result }));

  const { journal } = await live(freezer, state);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
  expect(worthOf(noteOf(journal) as Hold).result).toMatchObject({ verdict, endedBy: 'AgentRestart' });
});

it('goes on holding what an earlier life held, and thaws it in time', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const result = { frozenAt: '2026-01-01T12:00:00.000000Z', filesystems: { frozen: 1 } };
  await leftBehind(state, hold(3000, { stage: 'held', result }));

  const { journal } = await live(freezer, state);
  await until(() => freezer.calls.includes('status'));
  expect(freezer.frozen).toBe(true);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(worthOf(noteOf(journal) as Hold).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Deadline' });
});

it('thaws as soon as libvirt is back', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  freezer.connected = false;
  const state = folder();
  await leftBehind(state, hold());
  const { journal } = await live(freezer, state);
  await systemClock.sleep(50);

  freezer.connected = true;
  freezer.tell({ type: 'connected' });
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
});

it.each([
  // Whatever else is asked of the guest waits for what it is at (C16) …
  ['silence', silence, true],
  // … unless that is not on its way yet.
  ['a broken connection', broken, false],
])('thaws a freeze that was answered by %s and came true later', async (_, error, inOrder) => {
  const freezer = new SimulatedFreezer();
  const { keeper, guest } = await live(freezer, folder());
  let arrived = Promise.resolve();
  freezer.before = async (call) => {
    if (call === 'freeze') {
      arrived = comesTrue(freezer);
      throw error();
    }
    if (inOrder) await arrived;
  };

  const { stage, ...rest } = await keeper.begin(guest, 'task', hold()).done;

  expect(stage).toBe('over');
  expect(freezer.frozen).toBe(false);
  expect(worthOf({ stage, ...rest })).toMatchObject({ succeeded: false, reason: 'FreezeUnanswered' });
});

async function comesTrue(freezer: SimulatedFreezer): Promise<void> {
  await systemClock.sleep(20);
  freezer.frozen = true;
}

it('lets go of everything when the process is asked to end, and has it on the disk', async () => {
  const freezer = new SimulatedFreezer();
  const life = await live(freezer, folder());
  life.keeper.begin(life.guest, 'task', hold());
  await until(() => freezer.frozen);

  await life.end();

  expect(freezer.frozen).toBe(false);
  expect(noteOf(life.journal)).toMatchObject({ stage: 'over', ending: { by: 'AgentShutdown' } });
});

it('leaves to the next life what it can not thaw within its grace', async () => {
  const freezer = new SimulatedFreezer();
  const state = folder();
  const life = await live(freezer, state);
  life.keeper.begin(life.guest, 'task', hold());
  await until(() => freezer.frozen);
  freezer.before = (call) => {
    if (call === 'thaw') throw silence();
  };

  await life.end();
  expect(freezer.frozen).toBe(true);
  freezer.before = () => {};
  const { journal } = await live(freezer, state);
  await until(() => noteOf(journal)?.stage === 'over');

  expect(freezer.frozen).toBe(false);
});

it('thaws what belongs to a task that is gone', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const state = folder();
  const result = { frozenAt: '2026-01-01T12:00:00.000000Z', filesystems: { frozen: 1 } };
  await leftBehind(state, hold(60_000, { stage: 'held', result }));
  const life = await live(freezer, state);

  await abandon(life);

  expect(freezer.frozen).toBe(false);
  expect(noteOf(life.journal)).toMatchObject({ stage: 'over', ending: { by: 'Deletion' } });
});

/** As when the task's object is gone. */
async function abandon({ journal, keeper: freezes, guest }: Awaited<ReturnType<typeof live>>): Promise<void> {
  const sent = journal.get('task');
  if (sent?.state !== 'sending') throw new Error('the journal has no such freeze');
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

it.each(['GuestMoved', 'JournalLost'] as const)(
  'thaws what may be frozen of a task that is deleted before it was taken over for %s, and then disarms its guard',
  async (why) => {
    const freezer = new SimulatedFreezer();
    freezer.frozen = true;
    freezer.armed = 'task';
    const life = await live(freezer, folder());
    await life.journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze', takenOver: why });

    await abandon(life);

    expect(freezer).toMatchObject({ frozen: false, armed: undefined });
  },
);

it('leaves alone a guest whose freeze was only prepared when its task went, and disarms the guard', async () => {
  const freezer = new SimulatedFreezer();
  freezer.armed = 'task';
  const life = await live(freezer, folder());
  await life.journal.record('task', { state: 'sending', guest: 'uuid', action: 'freeze' });

  await abandon(life);

  expect(freezer.armed).toBeUndefined();
  expect(freezer.calls).not.toContain('thaw');
});

/** A freeze that another agent or journal began, as its task tells of it, carried on here. */
async function takenOver(freezer: SimulatedFreezer, freeze: FreezeResult, why: TakenOver = 'GuestMoved') {
  const { keeper: freezes, guest } = await live(freezer, folder());
  const task = {
    metadata: { namespace: 'team-a', name: 'backup', uid: 'task' },
    spec: { guestName: 'web-1', action: { freeze: {} } },
    status: { phase: 'Held', freeze },
  } as GuestTask;
  const shown: unknown[] = [];
  const ending = await freezeAction.takeOver?.({
    task,
    latest: () => task,
    onUpdate: () => {},
    show: ({ reason }: { reason?: string }) => void shown.push(reason),
    guest,
    freezes,
    sentBefore: { guest: 'uuid', action: 'freeze', takenOver: why },
    stopped: new AbortController().signal,
    withdrawn: new AbortController().signal,
    clock,
    logger: recordingLogger().logger,
  } as unknown as ActionRun);
  return { ending, shown };
}

it('thaws a guest at once that came frozen from another host, and calls nothing consistent', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const frozenAt = '2026-01-01T12:00:00.000000Z';

  const { ending, shown } = await takenOver(freezer, { frozenAt, guard: 'Armed', thawOwed: true });

  expect(freezer.frozen).toBe(false);
  expect(shown).toContain('ThawOwed');
  expect(ending).toMatchObject({
    phase: 'Failed',
    reason: 'ConsistencyLost',
    freeze: { verdict: 'ConsistencyLost', endedBy: 'Migration', frozenAt },
  });
  expect(ending?.freeze?.thawOwed).toBeUndefined();
});

it('thaws a guest whose freeze a lost journal knew of, and then owes nothing', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const frozenAt = '2026-01-01T12:00:00.000000Z';

  const { ending, shown } = await takenOver(freezer, { frozenAt, thawOwed: true }, 'JournalLost');

  expect(freezer.frozen).toBe(false);
  expect(shown).toContain('ThawOwed');
  expect(ending).toMatchObject({
    phase: 'Failed',
    reason: 'ConsistencyLost',
    freeze: { verdict: 'ConsistencyLost', endedBy: 'AgentRestart', frozenAt },
  });
  expect(ending?.freeze).not.toHaveProperty('thawOwed');
});

it('disarms the guard that another host may have armed before it could tell', async () => {
  const freezer = new SimulatedFreezer();
  freezer.armed = 'task';

  await takenOver(freezer, { preparedAt: '2026-01-01T12:00:00.000000Z' });

  expect(freezer.armed).toBeUndefined();
});

it('does not freeze a guest on whose last host that had only been prepared', async () => {
  const freezer = new SimulatedFreezer();

  const { ending } = await takenOver(freezer, { preparedAt: '2026-01-01T12:00:00.000000Z' });

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'GuestMoved' });
  expect(freezer.calls).not.toContain('freeze');
});

describe('a guest that leaves the host while it is held', () => {
  /** As the journal and the Guest have it. */
  async function left(detail: 3 | 4) {
    const freezer = new SimulatedFreezer();
    const state = folder();
    const life = await live(freezer, state);
    const holder = life.keeper.begin(life.guest, 'task', hold());
    await until(() => holder.hold.stage === 'held');
    Object.assign(freezer, { state: 'shutoff', saved: detail === 4 });
    freezer.tell({ type: 'lifecycle', uuid: 'uuid', event: 'stopped', detail });
    await until(() => noteOf(life.journal)?.stage === 'away');
    return { freezer, state, life, holder };
  }

  function comesBack(freezer: SimulatedFreezer, event?: 'started' | 'resumed'): void {
    Object.assign(freezer, { state: 'running', saved: false });
    if (event) freezer.tell({ type: 'lifecycle', uuid: 'uuid', event, detail: 0 });
  }

  it.each([
    ['moves', 3, 'resumed', 'Migration'],
    ['is saved to disk', 4, 'started', 'Somebody'],
  ] as const)('and %s is owed the thaw until it is back', async (_, detail, event, endedBy) => {
    const { freezer, life, holder } = await left(detail);

    expect(life.guest.freezeView).toMatchObject({ held: false, thawOwed: true });
    expect(life.guest.occupiedBut('another')).toEqual({ task: 'team-a/backup', frozen: true });
    expect(freezer.calls).not.toContain('thaw');
    comesBack(freezer, event);

    expect(worthOf(await holder.done).result).toMatchObject({ verdict: 'ConsistencyLost', endedBy });
    expect(freezer.frozen).toBe(false);
    await until(() => life.guest.freezeView === undefined);
  });

  it('is thawed when it is restored though no event told of either', async () => {
    const freezer = new SimulatedFreezer();
    const { keeper, guest } = await live(freezer, folder());
    const holder = keeper.begin(guest, 'task', hold());
    await until(() => holder.hold.stage === 'held');

    Object.assign(freezer, { state: 'shutoff', saved: true });
    await until(() => holder.hold.stage === 'away');
    comesBack(freezer);
    await holder.done;

    expect(freezer.frozen).toBe(false);
  });

  it('keeps no process from ending, and is thawed by a later life of it', async () => {
    const { freezer, state, life } = await left(4);
    const before = clock.monotonic();

    await life.end();
    expect(clock.monotonic() - before).toBeLessThan(3000);
    expect(noteOf(life.journal)?.stage).toBe('away');
    const next = await live(freezer, state);
    await systemClock.sleep(20);
    expect(next.guest.freezeView?.thawOwed).toBe(true);
    comesBack(freezer, 'started');
    await until(() => noteOf(next.journal)?.stage === 'over');

    expect(freezer.frozen).toBe(false);
  });

  it('is left to the host that has its task now', async () => {
    const { freezer, holder } = await left(3);

    holder.forsake();

    expect(await holder.done).toMatchObject({ stage: 'over', result: { thawOwed: true } });
    expect(freezer.calls).not.toContain('thaw');
  });

  it('is thawed by this one after all when it and its task come back before that was noted', async () => {
    const { freezer, state, life, holder } = await left(3);
    holder.forsake();
    await holder.done;
    await life.end();
    comesBack(freezer);

    const next = await live(freezer, state);
    await abandon(next);

    expect(freezer.frozen).toBe(false);
  });

  it('says so in its task, and what became of it once it is thawed', async () => {
    const { freezer, life } = await left(4);
    const { ending, shown } = seenThrough(life);
    await until(() => shown.length > 0);

    expect(shown).toEqual([
      expect.objectContaining({
        phase: 'Running',
        reason: 'ThawOwed',
        message: 'the guest was saved to disk, frozen perhaps: it is thawed as soon as it runs again',
        freeze: expect.objectContaining({ thawOwed: true }) as unknown,
      }),
    ]);
    comesBack(freezer, 'started');
    const { freeze, ...rest } = (await ending) ?? {};
    expect(rest).toEqual({
      phase: 'Failed',
      reason: 'ConsistencyLost',
      message: 'the guest was saved to disk while it was frozen',
    });
    expect(freeze).not.toHaveProperty('thawOwed');
  });
});

/** The task of a freeze that is kept. */
function seenThrough({ keeper: freezes, guest, journal }: Awaited<ReturnType<typeof live>>) {
  const task = {
    metadata: { namespace: 'team-a', name: 'backup', uid: 'task' },
    spec: { guestName: 'web-1', action: { freeze: {} } },
  } as GuestTask;
  const shown: unknown[] = [];
  const ending = freezeAction.run({
    task,
    latest: () => task,
    onUpdate: () => {},
    show: (progress: unknown) => void shown.push(progress),
    guest,
    freezes,
    sentBefore: journal.get('task'),
    stopped: new AbortController().signal,
    withdrawn: new AbortController().signal,
    clock,
    logger: recordingLogger().logger,
  } as unknown as ActionRun);
  return { ending, shown };
}

it('does not touch a guest that somebody else has frozen', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;
  const { keeper, guest } = await live(freezer, folder());

  const over = await keeper.begin(guest, 'task', hold()).done;

  expect(worthOf(over).reason).toBe('AlreadyFrozen');
  expect(freezer.frozen).toBe(true);
  expect(freezer.calls).not.toContain('thaw');
});

function noteOf(journal: Journal<TaskOutcome>, task = 'task'): Hold | undefined {
  const entry = journal.get(task);
  return entry?.state === 'sending' ? (entry.note as Hold) : undefined;
}
