import { beforeEach, describe, expect, it } from 'vitest';
import { type FsFreezeWindow, verdictLabel } from '../../../../src/api/resources.ts';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import { ApiError } from '../../../../src/kube/errors.ts';
import type { EventNote, EventRecorder } from '../../../../src/kube/event-recorder.ts';
import { FreezeWindowController } from '../../../../src/manager/freeze-window-controller.ts';
import { timestamp } from '../../../../src/seams/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { hang } from '../../support/memory-cluster.ts';
import { aFreezeTask, after, aGuest, aWindow, noon, thawed } from '../objects.ts';

const busy = new ApiError(503, 'ServiceUnavailable', 'the webhook of the snapshots does not answer');
const key = 'team-a/nightly';
const never = new AbortController().signal;

/** A window whose snapshot is cut and whose guest is thawed, and an API server that labels snapshots as `label` does. */
function aWorld(metadata: Partial<FsFreezeWindow['metadata']> = {}) {
  const cut = { name: 'nightly-disk', persistentVolumeClaimName: 'disk', creationTime: timestamp(noon + 3000) };
  const spec = { volumeSnapshots: [{ persistentVolumeClaimName: 'disk' }] };
  const status = { frozenAt: after(1000), endedBy: 'Snapshots' as const, volumeSnapshots: [cut] };
  const clock = new FakeClock(noon + 6000);
  const told: string[] = [];
  const labels: object[] = [];
  let label: (signal: AbortSignal) => Promise<void> = async () => {};
  let stored = aWindow(spec, status, metadata);
  const tasks = [aFreezeTask(stored, aGuest('a'), thawed())];
  const cluster = {
    list: async () => ({ items: [], resourceVersion: '1' }),
    replaceStatus: async (_: unknown, window: FsFreezeWindow) => (stored = window),
    mergePatch: async (
      { kind }: { kind: string },
      _: unknown,
      patch: Pick<FsFreezeWindow, 'metadata'>,
      { signal }: { signal: AbortSignal },
    ) => {
      if (kind === 'FsFreezeWindow')
        return (stored = { ...stored, metadata: { ...stored.metadata, ...patch.metadata } });
      await label(signal);
      labels.push(patch.metadata.labels ?? {});
      return {};
    },
  } as unknown as Cluster;
  const options = {
    cluster,
    windows: { get: () => stored },
    openWindowsIn: () => [],
    fleet: { tasksOf: () => tasks, guestsIn: () => [], hostExists: () => true },
    events: { record: (_: unknown, { reason }: EventNote) => told.push(reason) } as unknown as EventRecorder,
    clock,
  };
  let controller = new FreezeWindowController(options);
  return {
    clock,
    told,
    labels,
    window: () => stored,
    answer: (how: typeof label) => (label = how),
    restart: () => (controller = new FreezeWindowController(options)),
    reconcile: async () => controller.reconcile(key, never),
  };
}

describe('a snapshot that can not be labelled', () => {
  let world: ReturnType<typeof aWorld>;
  beforeEach(() => {
    world = aWorld();
  });

  it('keeps no window from its end, and is labelled later, by whichever manager is there', async () => {
    world.answer(async () => Promise.reject(busy));
    await world.reconcile();
    const { status } = world.window();

    await expect(world.reconcile()).rejects.toThrow(busy);
    expect(world.window().metadata.finalizers).toEqual(['qga.dev/thaw']);
    world.restart();
    world.answer(async () => {});
    await world.reconcile();

    expect(status).toMatchObject({ phase: 'Completed', completionTime: timestamp(noon + 6000) });
    expect(world.labels).toEqual([{ [verdictLabel]: 'Consistent' }]);
    expect(world.window().metadata.finalizers).toEqual([]);
  });

  it('keeps no window from its end though the API server says nothing', async () => {
    world.answer(hang);

    const reconciled = world.reconcile();
    await world.clock.advance(5000);
    await reconciled;

    expect(world.window().status?.phase).toBe('Completed');
  });

  it('keeps no window that is deleted for longer than a minute', async () => {
    world = aWorld({ deletionTimestamp: timestamp(noon + 5000) });
    world.answer(async () => Promise.reject(busy));
    await world.reconcile();

    await expect(world.reconcile()).rejects.toThrow(busy);
    await world.clock.advance(60_000);
    await world.reconcile();

    expect(world.window().metadata.finalizers).toEqual([]);
    expect(world.told).toContain('SnapshotNotMarked');
  });
});

it('labels a snapshot once', async () => {
  const world = aWorld();

  await world.reconcile();
  await world.reconcile();

  expect(world.labels).toHaveLength(1);
  expect(world.window().metadata.finalizers).toEqual([]);
});
