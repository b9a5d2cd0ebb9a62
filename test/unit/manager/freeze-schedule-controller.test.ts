import { expect, it } from 'vitest';
import type { FsFreezeWindow } from '../../../src/api/resources.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { EventNote, EventRecorder } from '../../../src/kube/event-recorder.ts';
import { FreezeScheduleController } from '../../../src/manager/freeze-schedule-controller.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aWindow, noon } from './objects.ts';

it('reports an instant that was missed once, with its event', async () => {
  const told: string[] = [];
  let stored = aWindow({ schedule: '*/10 * * * *' });
  let isBusy = true;
  const controller = new FreezeScheduleController({
    cluster: {
      replaceStatus: async (_: unknown, window: FsFreezeWindow) => {
        if (isBusy) throw new ApiError(409, 'Conflict', 'somebody else was there first');
        stored = window;
        return window;
      },
    } as unknown as Cluster,
    madeBy: () => [],
    events: { record: (_: unknown, { reason }: EventNote) => told.push(reason) } as unknown as EventRecorder,
    clock: new FakeClock(noon + 15 * 60_000),
    onMissed: () => told.push('missed'),
  });
  const reconcile = async () => controller.reconcile(stored, new AbortController().signal);

  await expect(reconcile()).rejects.toThrow('somebody else');
  isBusy = false;
  await reconcile();
  await reconcile();

  expect(stored.status?.lastMissedTime).toBe(timestamp(noon + 10 * 60_000));
  expect(told).toEqual(['missed', 'MissedSchedule']);
});
