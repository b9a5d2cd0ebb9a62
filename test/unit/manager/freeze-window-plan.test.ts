import { describe, expect, it } from 'vitest';
import type { FsFreezeWindow, GuestTask } from '../../../src/api/resources.ts';
import type { FsFreezeWindowStatus } from '../../../src/api/schema/fs-freeze-window.ts';
import { findCondition } from '../../../src/kube/conditions.ts';
import { latestBarrierMs } from '../../../src/manager/freeze-task.ts';
import { planFreezeWindow, type WindowObserved } from '../../../src/manager/freeze-window-plan.ts';
import { isGood } from '../../../src/manager/freeze-window-snapshot-worth.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import {
  aFreezeTask,
  after,
  aGuest,
  aWindow,
  held,
  lost,
  noon,
  prepared,
  preparing,
  released,
  thawed,
} from './objects.ts';

const soon = noon + 2000;
const startingDeadline = noon + 61_000;
const [a, b, c] = [aGuest('a'), aGuest('b'), aGuest('c')];

/** The next step of a window whose guests and hosts are all there. */
function plan(observed: Partial<WindowObserved> & { window: FsFreezeWindow }) {
  return planFreezeWindow({
    guests: [a, b],
    tasks: [],
    earlierWindow: () => undefined,
    hostExists: () => true,
    snapshotsServed: true,
    leadMs: 250,
    now: soon,
    ...observed,
  });
}

const names = (tasks: readonly GuestTask[]) => tasks.map(({ spec }) => spec.guestName).toSorted();
const condition = (status: FsFreezeWindowStatus, type: string) => findCondition(status.conditions, type);

/** The status of a window in which the guests were frozen together. */
function frozenStatus(window: FsFreezeWindow, tasks: GuestTask[], guests = [a, b]): FsFreezeWindowStatus {
  return plan({ window, tasks, guests }).status;
}

describe('preparing', () => {
  it('makes a task with a barrier for every guest of a group', () => {
    const window = aWindow({ maxFrozenSeconds: 20, mountpoints: ['/data'] });

    const { create, status } = plan({ window });

    expect(names(create)).toEqual(['a', 'b']);
    expect(create[0]?.spec.action.freeze).toEqual({ maxFrozenSeconds: 20, mountpoints: ['/data'], barrier: true });
    expect(status).toMatchObject({ phase: 'Pending', guestsFrozen: '0/2', targets: 2 });
  });

  it.each([
    ['freezes each on its own', { consistency: 'PerGuest' }],
    ['is for one guest alone', { target: { guestName: 'a' } }],
  ] as const)('needs no barrier when it %s', (_, spec) => {
    const { create } = plan({ window: aWindow(spec), guests: [a] });

    expect(create[0]?.spec.action.freeze?.barrier).toBeUndefined();
  });

  it('ends a task by itself only long after the window would have', () => {
    const hooks = { after: [{ name: 'x', command: ['x'], timeoutSeconds: 7, failurePolicy: 'Fail' as const }] };

    const [task] = plan({ window: aWindow({ hooks }) }).create;

    expect(Date.parse(task?.spec.startingDeadline ?? '')).toBe(startingDeadline + latestBarrierMs);
    expect(Date.parse(task?.spec.deadline ?? '')).toBe(
      startingDeadline + latestBarrierMs + 5000 + 30_000 + 7000 + 10_000,
    );
  });

  it('asks no guest of a group before all can be asked, so that no hook runs in vain', () => {
    const silent = aGuest('b', { agent: 'False' });

    const { create, status } = plan({ window: aWindow(), guests: [a, silent] });

    expect(create).toEqual([]);
    expect(condition(status, 'Frozen')).toMatchObject({ status: 'False', reason: 'AgentNotConnected' });
    expect(condition(status, 'Frozen')?.message).toContain('because b');
  });

  it('leaves the guest to an older window, and names it', () => {
    const { create, status } = plan({
      window: aWindow(),
      earlierWindow: ({ metadata }) => (metadata.name === 'a' ? 'hourly' : undefined),
    });

    expect(create).toEqual([]);
    expect(condition(status, 'Frozen')).toMatchObject({ reason: 'GuestBusy' });
    expect(condition(status, 'Frozen')?.message).toContain('guest a is taken by FsFreezeWindow hourly');
  });

  it('names one instant for all once all are prepared, and not before', () => {
    const window = aWindow();
    const [first, second] = [aFreezeTask(window, a, prepared), aFreezeTask(window, b, prepared)];

    const early = plan({ window, tasks: [first, aFreezeTask(window, b, preparing)] });
    const ready = plan({ window, tasks: [first, second] });

    expect(early.freeze).toBeUndefined();
    expect(early.status).toMatchObject({ phase: 'Preparing', prepared: 1 });
    expect(ready.freeze?.at).toBe(after(2250));
    expect(names(ready.freeze?.tasks ?? [])).toEqual(['a', 'b']);
  });

  it('names the same instant to one that has not heard of it', () => {
    const window = aWindow();
    const tasks = [aFreezeTask(window, a, prepared, { freezeAt: after(2100) }), aFreezeTask(window, b, prepared)];

    const { freeze } = plan({ window, tasks, now: noon + 9000 });

    expect(freeze).toMatchObject({ at: after(2100) });
    expect(names(freeze?.tasks ?? [])).toEqual(['b']);
  });

  it('lets nobody join once the instant is named', () => {
    const window = aWindow();
    const tasks = [aFreezeTask(window, a, prepared, { freezeAt: after(2100) })];

    const { create, status } = plan({ window, tasks, guests: [a, c] });

    expect(create).toEqual([]);
    expect(status.targets).toBe(1);
  });

  it('freezes nobody any more long after the starting deadline', () => {
    const window = aWindow();
    const tasks = [aFreezeTask(window, a, prepared), aFreezeTask(window, b, prepared)];

    const { freeze, status, release } = plan({ window, tasks, now: startingDeadline + latestBarrierMs });

    expect(freeze).toBeUndefined();
    expect(names(release)).toEqual(['a', 'b']);
    expect(status).toMatchObject({ phase: 'Thawing', failureReason: 'StartingDeadlineExceeded' });
  });
});

describe('guests that can not be frozen', () => {
  const off = aGuest('b', { running: false });

  it.each([
    ['off', off, 'GuestNotRunning'],
    ['without an agent channel', aGuest('b', { agent: 'NoAgentChannel' }), 'NoAgentChannel'],
    ['suspended by a person', aGuest('b', { suspend: true }), 'GuestSuspended'],
  ])('fail the window at once when one is %s and all are required', (_, guest, reason) => {
    const { ended, create, status } = plan({ window: aWindow(), guests: [a, guest] });

    expect(create).toEqual([]);
    expect(ended).toMatchObject({ phase: 'Failed', reason, verdict: 'Skipped' });
    expect(ended?.message).toContain('b');
    expect(status).toMatchObject({ phase: 'Failed', endedBy: 'Failure', failureReason: reason });
    expect(condition(status, 'Frozen')).toMatchObject({ status: 'False', reason });
    expect(condition(status, 'Failed')?.status).toBe('True');
  });

  it.each([
    ['BestEffort', 'CrashConsistent', 'CrashConsistent'],
    ['Skip', 'Skipped', 'Consistent'],
  ] as const)('are told apart under %s, and the rest is frozen', (policy, verdict, worth) => {
    const window = aWindow({ policy });
    const started = plan({ window, guests: [a, off] });
    const tasks = [aFreezeTask(window, a, thawed())];
    const frozen = {
      ...window,
      status: frozenStatus({ ...window, status: started.status }, [aFreezeTask(window, a, held())], [a, off]),
    };

    const { ended, status } = plan({
      window: { ...frozen, spec: { ...window.spec, release: true } },
      guests: [a, off],
      tasks,
    });

    expect(names(started.create)).toEqual(['a']);
    expect(started.status.guests?.[0]).toMatchObject({
      name: 'b',
      phase: 'Skipped',
      verdict,
      reason: 'GuestNotRunning',
    });
    expect(ended).toMatchObject({ phase: 'Completed', reason: worth });
    expect(ended?.message).toBe(
      `guest a was frozen for 4.2 s: Consistent; b (GuestNotRunning) could not be frozen: ${verdict}`,
    );
    expect(status).toMatchObject({ guestsFrozen: '1/2', skipped: 1, verdict: worth });
  });

  it('fail a window in which nobody is left to be frozen, whatever the policy', () => {
    const { ended } = plan({
      window: aWindow({ policy: 'BestEffort' }),
      guests: [aGuest('a', { running: false }), off],
    });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'NothingFrozen' });
    expect(ended?.message).toBe('none of 2 guests could be frozen: a (GuestNotRunning), b (GuestNotRunning)');
  });

  it('are waited for while they may still come, until the starting deadline', () => {
    const silent = aGuest('b', { agent: 'False' });

    const early = plan({ window: aWindow(), guests: [a, silent], now: startingDeadline - 1 });
    const late = plan({ window: aWindow(), guests: [a, silent], now: startingDeadline });

    expect(early.ended).toBeUndefined();
    expect(early.lookAgainMs).toBe(1);
    expect(late.ended).toMatchObject({ reason: 'AgentNotConnected' });
  });

  it('are named with what their agent said when they were not prepared in time, and the others are let go', () => {
    const window = aWindow();
    const busy = { phase: 'Pending' as const, reason: 'GuestBusy', message: 'guest b is held by task team-a/hourly-b' };
    const tasks = [aFreezeTask(window, a, prepared), aFreezeTask(window, b, busy)];

    const { release, giveUp, status } = plan({ window, tasks, now: startingDeadline });

    expect(names(release)).toEqual(['a']);
    expect(giveUp).toMatchObject([{ task: { spec: { guestName: 'b' } }, phase: 'Failed', reason: 'GuestBusy' }]);
    expect(status.failureReason).toBe('GuestBusy');
    expect(condition(status, 'Frozen')?.message).toBe(
      'guest b was not prepared within startingDeadlineSeconds: guest b is held by task team-a/hourly-b',
    );
  });

  it('go on without one that was not prepared in time where policy allows, for good', () => {
    const window = aWindow({ policy: 'BestEffort' });
    const slow = aFreezeTask(window, b, preparing);

    const late = plan({ window, tasks: [aFreezeTask(window, a, prepared), slow], now: startingDeadline });
    const later = plan({
      window: { ...window, status: late.status },
      tasks: [aFreezeTask(window, a, held()), { ...slow, status: { ...slow.status, ...released } }],
      now: startingDeadline + 1000,
    });

    expect(names(late.release)).toEqual(['b']);
    expect(names(late.freeze?.tasks ?? [])).toEqual(['a']);
    expect(later.status).toMatchObject({ phase: 'Frozen', skipped: 1, failed: 0 });
    expect(later.status.guests?.[0]).toMatchObject({ name: 'b', verdict: 'CrashConsistent', reason: 'NotPrepared' });
  });

  it('fail the window when a hook before the freeze fails in one', () => {
    const window = aWindow();
    const failed = { phase: 'Failed' as const, reason: 'HookFailed', message: 'hook flush exited with 1' };
    const tasks = [aFreezeTask(window, a, prepared), aFreezeTask(window, b, failed)];

    const { release, status, ended } = plan({ window, tasks });

    expect(names(release)).toEqual(['a']);
    expect(ended).toBeUndefined();
    expect(status).toMatchObject({ phase: 'Thawing', endedBy: 'Failure', failureReason: 'HookFailed' });
    expect(condition(status, 'Completed')?.message).toBe('guest b could not be frozen: hook flush exited with 1');
  });

  it('say so when a selector matches nobody, or a name nobody has', () => {
    const nobody = { target: { guestName: 'nobody' } };

    expect(plan({ window: aWindow(), guests: [] }).status.phase).toBe('Pending');
    expect(plan({ window: aWindow(), guests: [], now: startingDeadline }).ended?.reason).toBe('NoGuestsMatched');
    expect(plan({ window: aWindow(nobody), guests: [] }).ended).toBeUndefined();
    expect(plan({ window: aWindow(nobody), guests: [], now: startingDeadline }).ended?.reason).toBe('GuestNotFound');
  });
});

describe('a group that is frozen', () => {
  const window = aWindow();
  const tasks = [aFreezeTask(window, a, held(1000)), aFreezeTask(window, b, held(1012))];
  const frozen = aWindow({}, frozenStatus(window, tasks));

  it('opens the gate, with the instant of the last and the skew of all', () => {
    expect(frozen.status).toMatchObject({
      phase: 'Frozen',
      frozenAt: after(1012),
      skewMilliseconds: 12,
      guestsFrozen: '2/2',
    });
    expect(condition(frozen.status ?? {}, 'Frozen')).toMatchObject({
      status: 'True',
      message: '2 guests are frozen together, within 12 ms',
    });
  });

  it('does not open while one is still at it', () => {
    const { status } = plan({
      window,
      tasks: [tasks[0] as GuestTask, aFreezeTask(window, b, prepared, { freezeAt: after(900) })],
    });

    expect(status.phase).toBe('Preparing');
    expect(condition(status, 'Frozen')?.status).toBe('False');
  });

  it('does not open while a thaw is owed to one', () => {
    const unsure = {
      ...held(),
      phase: 'Running' as const,
      reason: 'ThawOwed',
      freeze: { ...held().freeze, thawOwed: true },
    };

    const { status } = plan({ window, tasks: [tasks[0] as GuestTask, aFreezeTask(window, b, unsure)] });

    expect(status.frozenAt).toBeUndefined();
    expect(condition(status, 'ThawOwed')?.status).toBe('True');
  });

  it('lets go of all on release, and says how long and what it is worth', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const over = [aFreezeTask(window, a, thawed(1000, 5212)), aFreezeTask(window, b, thawed(1012, 5220))];

    const first = plan({ window: asked, tasks });
    const last = plan({ window: { ...asked, status: first.status }, tasks: over });

    expect(names(first.release)).toEqual(['a', 'b']);
    expect(first.status).toMatchObject({ phase: 'Thawing', endedBy: 'Release' });
    expect(condition(first.status, 'Frozen')?.status).toBe('False');
    expect(last.ended).toMatchObject({
      phase: 'Completed',
      reason: 'Consistent',
      message: '2 guests were frozen together for 4.2 s: Consistent',
      frozenSeconds: 4.2,
    });
    expect(last.status).toMatchObject({ phase: 'Completed', thawedAt: after(5220), frozenFor: '4.2s' });
    expect(condition(last.status, 'Completed')?.status).toBe('True');
  });

  it('proves no more than until the first thaw was sent', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const sent = { ...thawed(1000, 5212), freeze: { ...thawed(1000, 5212).freeze, thawRequestedAt: after(5012) } };

    const { ended } = plan({
      window: asked,
      tasks: [aFreezeTask(window, a, sent), aFreezeTask(window, b, thawed(1012, 5220))],
    });

    expect(ended?.frozenSeconds).toBe(4);
  });

  it('completes at its deadline when nobody released it, and says so', () => {
    const over = [aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')), aFreezeTask(window, b, held())];

    const first = plan({ window: frozen, tasks: over });
    const ended = plan({
      window: { ...frozen, status: first.status },
      tasks: [over[0] as GuestTask, aFreezeTask(window, b, thawed(1012, 31_010))],
    }).ended;

    expect(names(first.release)).toEqual(['b']);
    expect(first.status).toMatchObject({ phase: 'Thawing', endedBy: 'Deadline' });
    expect(ended).toMatchObject({ phase: 'Completed' });
    expect(ended?.message).toContain('until the deadline: nobody released it');
  });

  it('fails when the release came only after the deadline had thawed a guest', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const over = [
      aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')),
      aFreezeTask(window, b, thawed(1012, 31_000)),
    ];

    const { ended } = plan({ window: asked, tasks: over });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(ended?.message).toContain('the release came too late: a was thawed');
  });

  it('is let go as a whole when one guest is thawed by somebody else, which is named', () => {
    const over = [aFreezeTask(window, a, lost('Somebody', 'somebody had thawed it')), tasks[1] as GuestTask];

    const { release, status } = plan({ window: frozen, tasks: over });

    expect(names(release)).toEqual(['b']);
    expect(status).toMatchObject({ phase: 'Thawing', endedBy: 'Failure', failureReason: 'ConsistencyLost' });
    expect(status.guests?.[0]?.name).toBe('a');
    expect(condition(status, 'Frozen')?.message).toBe('guest a: somebody had thawed it');
  });

  it('never completes once it has failed, though its guests say nothing of it any more', () => {
    const failing = plan({
      window: frozen,
      tasks: [aFreezeTask(window, a, lost('Reboot', 'm')), tasks[1] as GuestTask],
    });
    const over = [aFreezeTask(window, a, thawed()), aFreezeTask(window, b, thawed())];

    const { ended } = plan({ window: { ...frozen, status: failing.status }, tasks: over });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'ConsistencyLost', message: 'guest a: m' });
  });

  it('is lost when a task was deleted under it', () => {
    const { status, release } = plan({ window: frozen, tasks: tasks.slice(0, 1) });

    expect(names(release)).toEqual(['a']);
    expect(status.guests?.[0]).toMatchObject({ name: 'b', phase: 'Unknown', reason: 'TaskDeleted' });
  });

  it('is lost when a task was ended by a host that knew nothing of its freeze any more', () => {
    const forgotten = { phase: 'Unknown' as const, reason: 'JournalLost', message: 'its journal is gone' };

    const { release, status } = plan({
      window: frozen,
      tasks: [aFreezeTask(window, a, forgotten), tasks[1] as GuestTask],
    });
    const { ended } = plan({
      window: { ...frozen, status },
      tasks: [aFreezeTask(window, a, forgotten), aFreezeTask(window, b, thawed())],
    });

    expect(names(release)).toEqual(['b']);
    expect(status).toMatchObject({ endedBy: 'Failure', failureReason: 'ConsistencyLost', frozen: 2 });
    expect(ended).toMatchObject({ phase: 'Failed', verdict: 'ConsistencyLost' });
  });

  it('is lost when the status had no room for a guest whose task is gone', () => {
    const many = Array.from({ length: 120 }, (_, index) => aGuest(`vm-${index}`));
    const all = many.map((guest) => aFreezeTask(window, guest, held()));
    const status = frozenStatus(window, all, many);

    const later = plan({ window: { ...window, status }, tasks: all.filter((_, index) => index !== 99), guests: many });

    expect(status.guests).toHaveLength(100);
    expect(status.guests?.some(({ name }) => name === 'vm-99')).toBe(false);
    expect(later.status).toMatchObject({ endedBy: 'Failure', failureReason: 'ConsistencyLost' });
    expect(later.release).toHaveLength(119);
  });

  it('fails when nothing is heard of its hosts any more, though nobody let it go', () => {
    const { ended, status } = plan({ window: frozen, tasks, now: noon + 31_012 + 62_000 });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'ThawUnknown' });
    expect(condition(status, 'Frozen')?.status).toBe('False');
    expect(condition(status, 'ThawOwed')?.status).toBe('True');
  });

  it('fails when its hosts fell silent before they said that they froze', () => {
    const told = tasks.map((_, index) => aFreezeTask(window, index === 0 ? a : b, prepared, { freezeAt: after(900) }));

    const { ended } = plan({ window, tasks: told, now: startingDeadline + 10 * 60_000 });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'ThawUnknown' });
  });

  it('fails when a hook after the thaw does, though its data is consistent', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const hookFailed = {
      ...thawed(),
      phase: 'Failed' as const,
      reason: 'HookFailed',
      message: 'hook unlock exited with 1',
    };

    const { ended } = plan({
      window: asked,
      tasks: [aFreezeTask(window, a, hookFailed), aFreezeTask(window, b, thawed())],
    });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'HookFailed', verdict: 'Consistent' });
  });

  it('fails when one guest could not be frozen at the named instant, whatever the policy', () => {
    const lenient = aWindow({ policy: 'BestEffort' });
    const failed = { phase: 'Failed' as const, reason: 'NothingFrozen', message: 'no filesystem to freeze' };
    const both = [
      aFreezeTask(lenient, a, held(), { freezeAt: after(900) }),
      aFreezeTask(lenient, b, failed, { freezeAt: after(900) }),
    ];

    const { release, status } = plan({ window: lenient, tasks: both });

    expect(names(release)).toEqual(['a']);
    expect(status).toMatchObject({ phase: 'Thawing', failureReason: 'NothingFrozen' });
  });

  it('tells what came of it to a manager that was away all the time', () => {
    const over = [
      aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')),
      aFreezeTask(window, b, thawed(1012, 31_000, 'Deadline')),
    ];

    const { ended } = plan({ window, tasks: over, now: noon + 3_600_000 });

    expect(ended).toMatchObject({ phase: 'Completed', frozenSeconds: 29.988 });
  });

  it('were never frozen together when one was thawed before the other was frozen', () => {
    const over = [aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')), aFreezeTask(window, b, held(31_500))];

    const { status } = plan({ window, tasks: over, now: noon + 40_000 });

    expect(status.failureReason).toBe('ThawedTooEarly');
    expect(status.frozenAt).toBeUndefined();
  });
});

describe('guests frozen each on its own', () => {
  const window = aWindow({ consistency: 'PerGuest' });
  const tasks = [aFreezeTask(window, a, held(1000)), aFreezeTask(window, b, held(9000))];
  const frozen = { ...window, status: frozenStatus(window, tasks) };

  it('do not open it when one whose host is silent was to be thawed before the other was frozen', () => {
    const { status } = plan({
      window,
      tasks: [aFreezeTask(window, a, held(1000)), aFreezeTask(window, b, held(50_000))],
      now: noon + 51_000,
    });

    expect(status.frozenAt).toBeUndefined();
  });

  it('open the gate when all are held', () => {
    expect(frozen.status).toMatchObject({ phase: 'Frozen', skewMilliseconds: 8000 });
    expect(plan({ window, tasks: [tasks[0] as GuestTask, aFreezeTask(window, b, preparing)] }).status.phase).toBe(
      'Preparing',
    );
  });

  it('have a verdict each: the others stay frozen when one is lost, and the window fails in the end', () => {
    const broken = [aFreezeTask(window, a, lost('Reboot', 'started anew')), tasks[1] as GuestTask];

    const first = plan({ window: frozen, tasks: broken });
    const { ended } = plan({
      window: { ...frozen, status: first.status, spec: { ...window.spec, release: true } },
      tasks: [broken[0] as GuestTask, aFreezeTask(window, b, thawed(9000, 12_000))],
    });

    expect(first.release).toEqual([]);
    expect(first.status).toMatchObject({ phase: 'Frozen', failureReason: 'ConsistencyLost' });
    expect(ended).toMatchObject({ phase: 'Failed', reason: 'ConsistencyLost', verdict: 'ConsistencyLost' });
  });

  it('do without one whose time was over before the others were frozen, where policy allows', () => {
    const lenient = aWindow({ consistency: 'PerGuest', policy: 'BestEffort' });
    const early = aFreezeTask(lenient, a, thawed(1000, 31_000, 'Deadline'));

    const { status } = plan({
      window: lenient,
      tasks: [early, aFreezeTask(lenient, b, held(31_500))],
      now: noon + 32_000,
    });

    expect(status.phase).toBe('Frozen');
    expect(status.guests?.[0]).toMatchObject({ name: 'a', verdict: 'CrashConsistent', reason: 'ThawedTooEarly' });
  });
});

describe('letting go before it is frozen', () => {
  it('releases what is prepared, ends what no agent has begun, and makes nothing further', () => {
    const window = aWindow({ release: true });
    const tasks = [aFreezeTask(window, a, prepared), aFreezeTask(window, b)];

    const { release, giveUp, create, freeze } = plan({ window, tasks, guests: [a, b, c] });

    expect(names(release)).toEqual(['a']);
    expect(giveUp).toMatchObject([{ task: { spec: { guestName: 'b' } }, reason: 'Released' }]);
    expect([create, freeze]).toEqual([[], undefined]);
  });

  it('is no success', () => {
    const window = aWindow({ release: true });

    const { ended } = plan({ window, tasks: [aFreezeTask(window, a, released)], guests: [a] });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'Released', verdict: 'Skipped' });
  });

  it('does not end what may be on its way into the cache', () => {
    const window = aWindow({ release: true });
    const { metadata, ...rest } = aFreezeTask(window, a);
    const { resourceVersion: _, ...unseen } = metadata;

    expect(plan({ window, tasks: [{ metadata: unseen, ...rest }], guests: [a] }).giveUp).toEqual([]);
  });
});

describe('deleting', () => {
  const deleted = { deletionTimestamp: after(1500) };
  const window = aWindow({}, undefined, deleted);

  it('thaws first, and keeps the window until its guests are thawed', () => {
    const tasks = [aFreezeTask(window, a, held()), aFreezeTask(window, b, held())];

    const { release, status, dropFinalizer } = plan({ window, tasks });

    expect(names(release)).toEqual(['a', 'b']);
    expect(status).toMatchObject({ phase: 'Thawing', endedBy: 'Deletion' });
    expect(dropFinalizer).toBeFalsy();
  });

  it.each([
    ['its guests are thawed', [thawed(), thawed()]],
    ['no agent had begun', [released, released]],
    ['its tasks are gone', []],
  ])('lets the window go when %s', (_, states) => {
    const tasks = states.map((state, index) => aFreezeTask(window, index === 0 ? a : b, state));
    const ended = plan({ window, tasks });

    const { dropFinalizer } = plan({ window: { ...window, status: ended.status }, tasks });

    expect(ended.ended).toBeDefined();
    expect(dropFinalizer).toBe(true);
  });

  it('gives up what a host held whose GuestHost was deleted, so that no finalizer outlives it', () => {
    const tasks = [aFreezeTask(window, a, held())];

    const { giveUp } = plan({ window, tasks, guests: [a], hostExists: () => false });

    expect(giveUp).toMatchObject([{ phase: 'Unknown', reason: 'HostGone' }]);
    expect(giveUp[0]?.message).toContain('nobody can tell whether its guest is still frozen');
  });

  it('keeps the window while a host is silent that may hold a guest frozen, and says that a thaw is owed', () => {
    const tasks = [aFreezeTask(window, a, held(), { release: true })];
    const now = noon + 31_000 + 60_000;

    const first = plan({ window, tasks, guests: [a], now });
    const next = plan({ window: { ...window, status: first.status }, tasks, guests: [a], now: now + 60_000 });

    expect(first.ended).toMatchObject({ phase: 'Failed', reason: 'ThawUnknown' });
    expect(condition(first.status, 'ThawOwed')).toMatchObject({ status: 'True' });
    expect(condition(first.status, 'ThawOwed')?.message).toContain('whether a is thawed');
    expect(next.dropFinalizer).toBe(false);
    expect(next.lookAgainMs).toBe(60_000);
  });
});

describe('a thaw that is owed', () => {
  const window = aWindow();
  const owing = { ...held(), freeze: { ...held().freeze, thawOwed: true } };

  it('is told while it lasts, and that it is settled, even after the window is over', () => {
    const first = plan({ window, tasks: [aFreezeTask(window, a, owing)], guests: [a] });
    const over = { ...window, status: { ...first.status, completionTime: after(9000) } };
    const settled = plan({ window: over, tasks: [aFreezeTask(window, a, lost('Guard', 'm'))], guests: [a] });

    expect(condition(first.status, 'ThawOwed')?.status).toBe('True');
    expect(condition(settled.status, 'ThawOwed')?.status).toBe('False');
  });

  it('is not told of windows that never owed one', () => {
    expect(condition(frozenStatus(window, [aFreezeTask(window, a, held())]), 'ThawOwed')).toBeUndefined();
  });
});

describe('volume snapshots', () => {
  const window = aWindow({
    volumeSnapshots: [{ persistentVolumeClaimName: 'disk-a' }, { persistentVolumeClaimName: 'disk-b', name: 'b' }],
  });
  const tasks = [aFreezeTask(window, a, held()), aFreezeTask(window, b, held())];
  const frozen = { ...window, status: frozenStatus(window, tasks) };
  const state = (name: string, more: object = {}) => ({ name, persistentVolumeClaimName: 'x', ...more });
  const cut = { creationTime: after(3000) };

  it('are taken only when the status says that all are frozen', () => {
    const missing = [state('nightly-disk-a', { missing: true }), state('b', { missing: true })];

    expect(plan({ window, tasks, snapshots: missing }).snapshots).toEqual([]);
    const { snapshots } = plan({ window: frozen, tasks, snapshots: missing });
    expect(snapshots.map(({ metadata, spec }) => [metadata.name, spec.source.persistentVolumeClaimName])).toEqual([
      ['nightly-disk-a', 'disk-a'],
      ['b', 'disk-b'],
    ]);
    expect(snapshots[0]?.metadata.ownerReferences).toBeUndefined();
  });

  it('are waited for, looked at often, and end the window when all are cut', () => {
    const one = plan({ window: frozen, tasks, snapshots: [state('nightly-disk-a', cut), state('b')] });
    const both = plan({ window: frozen, tasks, snapshots: [state('nightly-disk-a', cut), state('b', cut)] });

    expect([one.release, one.lookAgainMs]).toEqual([[], 250]);
    expect(names(both.release)).toEqual(['a', 'b']);
    expect(both.status).toMatchObject({ endedBy: 'Snapshots', volumeSnapshots: [cut, cut] });
  });

  it('fail the window, which thaws, when one fails', () => {
    const { release, status } = plan({ window: frozen, tasks, snapshots: [state('b', { error: 'no such claim' })] });

    expect(names(release)).toEqual(['a', 'b']);
    expect(status.failureReason).toBe('SnapshotFailed');
    expect(condition(status, 'Frozen')?.message).toBe('VolumeSnapshot b: no such claim');
  });

  it('fail the window when they were not cut by the deadline', () => {
    const over = [
      aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')),
      aFreezeTask(window, b, thawed(1000, 31_000, 'Deadline')),
    ];

    const { ended } = plan({ window: frozen, tasks: over, snapshots: [state('nightly-disk-a', cut), state('b')] });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'SnapshotsNotTaken' });
    expect(ended?.message).toContain('1 of 2');
  });

  it('fail the window when one was cut only after the deadline had thawed a guest', () => {
    const over = [
      aFreezeTask(window, a, thawed(1000, 31_000, 'Deadline')),
      aFreezeTask(window, b, thawed(1000, 31_000, 'Deadline')),
    ];
    const late = { creationTime: timestamp(noon + 31_000) };

    const { ended, status } = plan({
      window: frozen,
      tasks: over,
      snapshots: [state('nightly-disk-a', cut), state('b', late)],
      now: noon + 45_000,
    });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'SnapshotFailed' });
    expect(status.volumeSnapshots?.map(isGood)).toEqual([true, false]);
  });

  it('vouch for none that was cut when the agent had let go before its time', () => {
    const over = [aFreezeTask(window, a, lost('AgentShutdown', 'm')), aFreezeTask(window, b, held())];
    const late = { creationTime: timestamp(noon + 15_000) };

    const { status } = plan({ window: frozen, tasks: over, snapshots: [state('nightly-disk-a', late), state('b')] });

    expect(status.failureReason).toBe('ConsistencyLost');
    expect(status.volumeSnapshots?.map(isGood)).toEqual([false, false]);
  });

  it('stay good once they were seen to be cut while all were frozen', () => {
    const second = { creationTime: timestamp(noon + 5000) };
    const snapshots = [state('nightly-disk-a', second), state('b')];
    const { status } = plan({ window: frozen, tasks, snapshots });
    const over = [aFreezeTask(window, a, thawed(1000, 5200, 'Release')), aFreezeTask(window, b, held())];

    const later = plan({ window: { ...frozen, status }, tasks: over, snapshots });

    expect(later.status.volumeSnapshots?.map(isGood)).toEqual([true, false]);
  });

  it('fail the window before anything is frozen in a cluster that knows none', () => {
    const { ended, create } = plan({ window, snapshotsServed: false });

    expect(create).toEqual([]);
    expect(ended).toMatchObject({ phase: 'Failed', reason: 'NoVolumeSnapshots' });
  });
});

describe('once it is over', () => {
  const window = aWindow({ ttlSecondsAfterFinished: 60 });
  const tasks = [aFreezeTask(window, a, thawed())];
  const { status } = plan({ window: { ...window, spec: { ...window.spec, release: true } }, tasks, guests: [a] });
  const over = { ...window, status };

  it('makes nothing for guests that come later, and changes nothing of what it said', () => {
    const later = plan({ window: over, tasks, guests: [a, c], now: soon + 30_000 });

    expect([later.create, later.status, later.lookAgainMs]).toEqual([[], status, 30_000]);
    expect(later.dropFinalizer).toBe(true);
  });

  it('deletes itself when its time to live is over', () => {
    expect(plan({ window: over, tasks, guests: [a], now: soon + 60_000 }).deleteWindow).toBe(true);
  });
});

it('keeps the status of a thousand guests small, the failing ones first', () => {
  const window = aWindow();
  const guests = Array.from({ length: 1000 }, (_, index) => aGuest(`guest-${index}`));
  const tasks = guests.map((guest, index) =>
    aFreezeTask(window, guest, index % 100 === 0 ? lost('Reboot', 'm') : held()),
  );

  const { status } = plan({ window, guests, tasks });

  expect(status.guests?.length).toBe(100);
  expect(status.guests?.slice(0, 10).every(({ phase }) => phase === 'Failed')).toBe(true);
  expect(status).toMatchObject({ targets: 1000, failed: 10 });
});
