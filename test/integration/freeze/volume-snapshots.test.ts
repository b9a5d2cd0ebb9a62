import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../../src/kube/conditions.ts';
import type { VolumeSnapshot } from '../../../src/kube/volume-snapshots.ts';
import { useFreezes } from './freeze-fixture.ts';
import { type StandInSnapshotter, startStandInSnapshotter } from './stand-in-snapshotter.ts';

const freezes = useFreezes();
const { namespace, create, over, until, kubectl, applyFile, get } = freezes;
const target = { selector: { matchLabels: { app: 'db' } } };
const crd = join(import.meta.dirname, 'volume-snapshot-crd.yaml');
const claims = (...names: string[]) => names.map((name) => ({ persistentVolumeClaimName: name }));

beforeAll(async () => {
  const [first, second] = freezes.hosts();
  await first.addGuest('db-1', { app: 'db' });
  await second.addGuest('db-2', { app: 'db' });
});

it('freeze nobody in a cluster that has no VolumeSnapshots', async () => {
  await kubectl('delete', 'crd', 'volumesnapshots.snapshot.storage.k8s.io', '--ignore-not-found');

  const { status } = await over(await create({ target, volumeSnapshots: claims('disk-1') }), 15_000);

  expect(status).toMatchObject({ phase: 'Failed', failureReason: 'NoVolumeSnapshots', guestsFrozen: '0/2' });
});

describe('in a cluster that has them', () => {
  let snapshotter: StandInSnapshotter;
  beforeAll(async () => {
    await applyFile(crd);
    snapshotter = startStandInSnapshotter(freezes.cluster(), namespace);
  });
  afterAll(async () => {
    await snapshotter?.end();
  });

  it('are taken while the guests are frozen, which are thawed as soon as all are cut, and say what they are worth', async () => {
    const name = await create({ target, volumeSnapshots: claims('disk-1', 'disk-2') });

    const { status } = await over(name);
    const snapshot = await get<VolumeSnapshot>('volumesnapshot', `${name}-disk-1`, namespace);

    expect(status).toMatchObject({ phase: 'Completed', endedBy: 'Snapshots', verdict: 'Consistent' });
    expect(status?.volumeSnapshots).toEqual(
      ['disk-1', 'disk-2'].map((claim) => ({
        name: `${name}-${claim}`,
        persistentVolumeClaimName: claim,
        creationTime: expect.any(String) as string,
      })),
    );
    expect(snapshot.metadata.labels).toMatchObject({ 'qga.dev/freeze-window': name, 'qga.dev/verdict': 'Consistent' });
    expect(snapshot.spec.source.persistentVolumeClaimName).toBe('disk-1');
  });

  it('outlive their window', async () => {
    const name = await create({ target, volumeSnapshots: claims('disk-1'), ttlSecondsAfterFinished: 0 });

    await expect
      .poll(() => kubectl('get', 'ffw', '-n', namespace, '-o', 'name'), { timeout: 30_000 })
      .not.toContain(`/${name}\n`);

    expect(await kubectl('get', 'volumesnapshot', `${name}-disk-1`, '-n', namespace, '-o', 'name')).toContain(name);
  });

  it('are waited for while their controller tries again, and the window tells what it said', async () => {
    const flaky = [{ persistentVolumeClaimName: 'disk-1', volumeSnapshotClassName: 'flaky' }];
    const name = await create({ target, volumeSnapshots: flaky });

    const { status } = await until(name, (window) => window.status?.volumeSnapshots?.[0]?.message !== undefined);

    expect(findCondition(status?.conditions, 'Frozen')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('the stand-in storage is flaky') as string,
    });
    expect((await over(name)).status).toMatchObject({ phase: 'Completed', verdict: 'Consistent' });
  });

  it('fail the window when their controller only reports errors until the deadline, with the last of them', async () => {
    const broken = [{ persistentVolumeClaimName: 'disk-1', volumeSnapshotClassName: 'broken' }];

    const { status } = await over(await create({ target, volumeSnapshots: broken, maxFrozenSeconds: 3 }));

    expect(status).toMatchObject({ phase: 'Failed', failureReason: 'SnapshotsNotTaken', endedBy: 'Deadline' });
    expect(findCondition(status?.conditions, 'Failed')?.message).toContain('the stand-in storage is broken');
  });

  it('fail the window when they are not cut by the deadline, and whatever is cut afterwards is labelled as lost', async () => {
    const slow = [{ persistentVolumeClaimName: 'disk-1', volumeSnapshotClassName: 'slow' }];
    const name = await create({ target, volumeSnapshots: slow, maxFrozenSeconds: 1 });

    const { status } = await over(name);
    const snapshot = await get<VolumeSnapshot>('volumesnapshot', `${name}-disk-1`, namespace);

    expect(status).toMatchObject({ phase: 'Failed', failureReason: 'SnapshotsNotTaken' });
    expect(snapshot.metadata.labels?.['qga.dev/verdict']).toBe('ConsistencyLost');
  });

  it('never take over one that is there already', async () => {
    await over(await create({ target, volumeSnapshots: [{ persistentVolumeClaimName: 'disk-1', name: 'mine' }] }));

    const again = await over(
      await create({ target, volumeSnapshots: [{ persistentVolumeClaimName: 'disk-1', name: 'mine' }] }),
    );

    expect(again.status).toMatchObject({ phase: 'Failed', failureReason: 'SnapshotFailed' });
    expect(findCondition(again.status?.conditions, 'Failed')?.message).toContain('not of this window');
  });

  it('are not begun before all are frozen', async () => {
    const [first] = freezes.hosts();
    first.behave('db-1', { prepareMs: 1500 });
    const name = await create({ target, volumeSnapshots: claims('disk-1') });
    await until(name, ({ status }) => status?.phase === 'Preparing');

    expect(await kubectl('get', 'volumesnapshot', '-n', namespace, '-o', 'name')).not.toContain(`/${name}-`);
    first.behave('db-1', { prepareMs: 0 });
    expect((await over(name)).status?.phase).toBe('Completed');
  });
});
