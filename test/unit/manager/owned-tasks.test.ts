import { describe, expect, it } from 'vitest';
import { fsFreezeWindows, type GuestTask } from '../../../src/api/resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { OwnedTasks } from '../../../src/manager/owned-tasks.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { aFreezeTask, aGuest, aWindow, held, thawed } from './objects.ts';

describe('letting go of a task', () => {
  const never = new AbortController().signal;
  const window = aWindow();
  const cached = aFreezeTask(window, aGuest('a'), held());
  const mark = { 'qga.dev/released-by-owner': 'true' };

  /** What the cluster has of a task that the cache still shows as held, and a change of it meanwhile. */
  function setUp(change: Partial<GuestTask['metadata']> = {}, spec: Partial<GuestTask['spec']> = {}, more = {}) {
    const memory = new MemoryCluster();
    const task = {
      ...cached,
      metadata: { ...cached.metadata, ...change },
      spec: { ...cached.spec, ...spec },
      ...more,
    };
    memory.objects.set(keyOf(cached), task);
    const owned = new OwnedTasks({
      cluster: memory.cluster,
      owners: fsFreezeWindows,
      cached: () => [cached],
      clock: new FakeClock(),
    });
    const stored = () => memory.objects.get(keyOf(cached)) as GuestTask;
    return { memory, owned, stored };
  }

  it('notes that it was the owner who let it go', async () => {
    const { owned, stored } = setUp();

    await owned.letGo(cached, never);

    expect(stored()).toMatchObject({ spec: { release: true }, metadata: { annotations: mark } });
    expect(owned.of(window)[0]?.spec.release).toBe(true);
  });

  it('does so, too, where only its status was written meanwhile', async () => {
    const { owned, stored } = setUp({ resourceVersion: '2' });

    await owned.letGo(cached, never);

    expect(stored()).toMatchObject({ spec: { release: true }, metadata: { annotations: mark } });
  });

  it.each<[string, Parameters<typeof setUp>]>([
    ['released it', [{ resourceVersion: '2' }, { release: true }]],
    ['deleted it', [{ resourceVersion: '2', deletionTimestamp: '2026-01-01T12:00:10Z' }]],
    ['ended it', [{ resourceVersion: '2' }, {}, { status: thawed() }]],
  ])('takes nothing on itself where somebody else %s, and the cache does not show it yet', async (_, change) => {
    const { owned, stored } = setUp(...change);

    await owned.letGo(cached, never);

    expect(stored().metadata.annotations).toBeUndefined();
    expect(stored().metadata.resourceVersion).toBe('2');
  });

  it('knows its own release again where the answer was lost', async () => {
    const { memory, owned, stored } = setUp();
    memory.beforeCall = (call) => {
      if (call !== 'mergePatch') return;
      memory.beforeCall = () => {};
      memory.objects.set(keyOf(cached), {
        ...cached,
        metadata: { ...cached.metadata, resourceVersion: '2', annotations: mark },
        spec: { ...cached.spec, release: true },
      } as GuestTask);
      throw new ApiError(0, 'ConnectionLost', 'cut');
    };

    await expect(owned.letGo(cached, never)).rejects.toThrow('cut');
    await owned.letGo(cached, never);

    expect(stored().metadata).toMatchObject({ resourceVersion: '2', annotations: mark });
  });

  it('is content where the task is gone', async () => {
    const { memory, owned } = setUp();
    memory.objects.clear();

    await expect(owned.letGo(cached, never)).resolves.toBeUndefined();
  });
});
