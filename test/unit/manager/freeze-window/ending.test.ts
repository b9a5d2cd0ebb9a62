import { describe, expect, it } from 'vitest';
import { aFreezeTask, after, aGuest, aWindow, held, lost, noon, prepared, released, thawed } from '../objects.ts';
import { a, b, c, condition, frozenStatus, names, plan, soon } from './observed.ts';

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
