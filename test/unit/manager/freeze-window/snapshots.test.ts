import { describe, expect, it } from 'vitest';
import { type GuestTask, verdictLabel } from '../../../../src/api/resources.ts';
import { isGood, snapshotState, snapshotsOf } from '../../../../src/manager/freeze-window-snapshots.ts';
import { timestamp } from '../../../../src/seams/clock.ts';
import { aFreezeTask, after, aWindow, byHand, held, lost, noon, thawed } from '../objects.ts';
import { a, b, condition, frozenStatus, names, plan } from './observed.ts';

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

  it('are worth nothing by their label until they are seen to be good: one that is cut when nobody looks says so', () => {
    const missing = [state('nightly-disk-a', { missing: true }), state('b', { missing: true })];

    const { snapshots } = plan({ window: frozen, tasks, snapshots: missing });

    expect(snapshots.map(({ metadata }) => metadata.labels?.[verdictLabel])).toEqual([
      'ConsistencyLost',
      'ConsistencyLost',
    ]);
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

  it.each([
    ['a snapshot fails', tasks, { error: 'there is one of that name already' }, 'SnapshotFailed', ['a', 'b']],
    [
      'a guest is lost',
      [aFreezeTask(window, a, lost('Reboot', 'm')), tasks[1] as GuestTask],
      {},
      'ConsistencyLost',
      ['b'],
    ],
  ])('let go of guests that are frozen each on its own, too, when %s: not all can be good any more', (...row) => {
    const [, now, more, reason, letGo] = row;
    const each = { ...frozen, spec: { ...frozen.spec, consistency: 'PerGuest' as const } };

    const { release, status } = plan({ window: each, tasks: now, snapshots: [state('b', more)] });

    expect(names(release)).toEqual(letGo);
    expect(status).toMatchObject({ phase: 'Thawing', endedBy: 'Failure', failureReason: reason });
    expect(condition(status, 'Frozen')?.status).toBe('False');
  });

  it('are waited for while their controller tries again, and the gate tells what it said', () => {
    const message = 'the object has been modified; please apply your changes to the latest version';

    const { release, status } = plan({ window: frozen, tasks, snapshots: [state('b', { message })] });
    const cutAfterAll = [state('nightly-disk-a', cut), state('b', cut)];
    const later = plan({ window: { ...frozen, status }, tasks, snapshots: cutAfterAll });

    expect([release, status.failureReason]).toEqual([[], undefined]);
    expect(condition(status, 'Frozen')).toMatchObject({
      status: 'True',
      message: `2 guests are frozen together, within 0 ms; VolumeSnapshot b is not cut yet: ${message}`,
    });
    expect(later.status.endedBy).toBe('Snapshots');
  });

  it('fail the window with what their controller said last when they were not cut by the deadline', () => {
    const over = [a, b].map((guest) => aFreezeTask(window, guest, thawed(1000, 31_000, 'Deadline')));
    const snapshots = [state('nightly-disk-a', cut), state('b', { message: 'no such class' })];

    const first = plan({ window: frozen, tasks: [over[0] as GuestTask, tasks[1] as GuestTask], snapshots });
    const { ended } = plan({ window: { ...frozen, status: first.status }, tasks: over });

    expect(ended).toMatchObject({ phase: 'Failed', reason: 'SnapshotsNotTaken' });
    expect(ended?.message).toBe('1 of 2 VolumeSnapshots were not cut before the guests were thawed: b (no such class)');
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

  it('are no longer good when it turns out that somebody had let a guest go before they were cut', () => {
    const second = { creationTime: timestamp(noon + 11_000) };
    const first = plan({
      window: frozen,
      tasks,
      snapshots: [state('nightly-disk-a', cut), state('b', second)],
      now: noon + 11_500,
    });
    const over = [byHand(aFreezeTask(window, a, thawed(1000, 10_000))), aFreezeTask(window, b, thawed(1000, 11_600))];

    const { ended, status } = plan({ window: { ...frozen, status: first.status }, tasks: over, now: noon + 12_000 });

    expect(first.status.endedBy).toBe('Snapshots');
    expect(ended).toMatchObject({ phase: 'Failed', reason: 'ThawedTooEarly' });
    expect(status.volumeSnapshots?.map(isGood)).toEqual([true, false]);
  });

  it('complete the window though somebody let a guest go once all were cut, and no manager was there', () => {
    const over = [byHand(aFreezeTask(window, a, thawed(1000, 10_000))), aFreezeTask(window, b, held())];
    const snapshots = [state('nightly-disk-a', cut), state('b', cut)];

    const { status } = plan({ window: frozen, tasks: over, snapshots, now: noon + 25_000 });

    expect(status).toMatchObject({ phase: 'Thawing', endedBy: 'Snapshots' });
    expect(status.failureReason).toBeUndefined();
  });

  it('fail the window before anything is frozen in a cluster that knows none', () => {
    const { ended, create } = plan({ window, snapshotsServed: false });

    expect(create).toEqual([]);
    expect(ended).toMatchObject({ phase: 'Failed', reason: 'NoVolumeSnapshots' });
  });
});

describe('what the cluster shows of a snapshot', () => {
  const [wanted] = snapshotsOf(aWindow({ volumeSnapshots: [{ persistentVolumeClaimName: 'disk-a' }] }));
  const found = (status: object) => wanted && snapshotState(wanted, { ...wanted, status });
  const error = { message: 'the object has been modified' };

  it('is no failure while its controller reports an error: it sets one on each conflict, and tries again', () => {
    expect(found({ error })).toMatchObject({ message: 'the object has been modified' });
    expect(found({ error })).not.toHaveProperty('error');
    expect(found({ error: {} })).toMatchObject({ message: 'the storage gave no reason' });
  });

  it('is nothing but the cut once it was cut', () => {
    expect(found({ error, creationTime: after(3000) })).toEqual({
      name: 'nightly-disk-a',
      persistentVolumeClaimName: 'disk-a',
      creationTime: after(3000),
    });
  });

  it('is cut to what a status can hold', () => {
    expect(found({ error: { message: 'x'.repeat(100_000) } })?.message).toHaveLength(1024);
  });
});
