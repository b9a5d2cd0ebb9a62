import { describe, expect, it } from 'vitest';
import type { GuestTask } from '../../../../src/api/resources.ts';
import {
  aFreezeTask,
  after,
  aGuest,
  aWindow,
  byHand,
  held,
  lost,
  noon,
  prepared,
  preparing,
  thawed,
} from '../objects.ts';
import { a, b, condition, frozenStatus, names, plan, startingDeadline } from './observed.ts';

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

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded', verdict: 'ConsistencyLost' });
    expect(ended?.message).toContain('the release came too late: a was thawed');
  });

  describe('of which somebody let one guest go while no manager was there', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const early = byHand(aFreezeTask(window, a, thawed(1000, 10_000)));
    const now = noon + 25_000;

    it('has failed though its release is seen at the same look, and names the guest', () => {
      const first = plan({ window: asked, tasks: [early, tasks[1] as GuestTask], now });
      const last = plan({
        window: { ...asked, status: first.status },
        tasks: [early, aFreezeTask(window, b, thawed(1012, 25_100))],
        now: now + 200,
      });

      expect(names(first.release)).toEqual(['b']);
      expect(first.status).toMatchObject({ endedBy: 'Release', failureReason: 'ThawedTooEarly' });
      expect(last.ended).toMatchObject({ phase: 'Failed', reason: 'ThawedTooEarly', verdict: 'ConsistencyLost' });
      expect(last.ended?.message).toContain('guest a was let go before the others (Release)');
    });

    it('has failed though that comes into the cache only after the release was seen', () => {
      const first = plan({ window: asked, tasks, now });
      const { ended } = plan({
        window: { ...asked, status: first.status },
        tasks: [early, aFreezeTask(window, b, thawed(1012, 25_100))],
        now: now + 200,
      });

      expect(ended).toMatchObject({ phase: 'Failed', reason: 'ThawedTooEarly' });
    });

    it('has failed by the deletion of a task, too, and though nobody released it until its deadline', () => {
      const deleted = aFreezeTask(window, a, thawed(1000, 10_000, 'Deletion'));
      const atDeadline = aFreezeTask(window, b, thawed(1012, 31_012, 'Deadline'));

      expect(plan({ window: asked, tasks: [deleted, tasks[1] as GuestTask], now }).status.failureReason).toBe(
        'ThawedTooEarly',
      );
      expect(plan({ window: frozen, tasks: [early, atDeadline], now: noon + 40_000 }).ended).toMatchObject({
        phase: 'Failed',
        reason: 'ThawedTooEarly',
      });
      expect(plan({ window: asked, tasks: [early, atDeadline], now: noon + 40_000 }).ended).toMatchObject({
        phase: 'Failed',
        reason: 'ThawedTooEarly',
      });
    });

    it('has not failed where the cluster deleted the tasks with the window', () => {
      const deleted = { ...frozen, metadata: { ...frozen.metadata, deletionTimestamp: after(20_000) } };
      const over = [a, b].map((guest) => aFreezeTask(window, guest, thawed(1012, 20_100, 'Deletion')));

      expect(plan({ window: deleted, tasks: over, now }).ended).toMatchObject({ phase: 'Completed' });
    });
  });

  it('completes though the manager died once it had let go, before it could say so', () => {
    const asked = { ...frozen, spec: { ...frozen.spec, release: true } };
    const over = [aFreezeTask(window, a, thawed(1000, 5212)), aFreezeTask(window, b, thawed(1012, 5220))];

    expect(plan({ window: asked, tasks: over, now: noon + 40_000 }).ended).toMatchObject({ phase: 'Completed' });
  });

  it('completes where all were held until their deadline, and nobody was there to see it', () => {
    const over = [a, b].map((guest) => aFreezeTask(window, guest, thawed(1012, 31_012, 'Deadline')));

    expect(plan({ window: frozen, tasks: over, now: noon + 90_000 }).ended).toMatchObject({ phase: 'Completed' });
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
