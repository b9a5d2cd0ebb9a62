import { describe, expect, it } from 'vitest';
import { latestBarrierMs } from '../../../../src/manager/freeze-task.ts';
import { aFreezeTask, after, aGuest, aWindow, held, noon, prepared, preparing, released, thawed } from '../objects.ts';
import { a, b, c, condition, frozenStatus, names, plan, startingDeadline } from './observed.ts';

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
