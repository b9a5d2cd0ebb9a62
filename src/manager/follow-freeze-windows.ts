import { type FsFreezeWindow, fsFreezeWindows } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { ControlLoops } from '../kube/control-loops.ts';
import type { Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Informer } from '../kube/informer.ts';
import { keyOf, refOf } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';
import { type Fleet, ownerKey, ownerKeys } from './fleet.ts';
import { FreezeScheduleController } from './freeze-schedule-controller.ts';
import { FreezeWindowController } from './freeze-window-controller.ts';
import type { WindowFinish } from './freeze-window-finish.ts';
import { followKind } from './targeting-kind.ts';

export interface FollowFreezeWindowsOptions {
  cluster: Cluster;
  events: EventRecorder;
  clock: Clock;
  onEnded?: ((finish: WindowFinish) => void) | undefined;
  onMissed?: (() => void) | undefined;
}

/** Follows FsFreezeWindows, once or on a schedule: beside what wakes every kind, windows wake each other. */
export function followFreezeWindows(
  loops: ControlLoops,
  fleet: Fleet,
  options: FollowFreezeWindowsOptions,
): Informer<FsFreezeWindow> {
  const { onEnded, onMissed, ...common } = options;
  const { controller, objects }: { controller: Controller; objects: Informer<FsFreezeWindow> } = followKind(
    loops,
    fleet,
    { resource: fsFreezeWindows, name: 'fsfreezewindow', concurrency: 8, isOpen },
    (informer) => {
      const { cache } = informer;
      cache.addIndex('maker', ownerKeys);
      informer.onChange((key, before, after) => {
        const seen = after ?? before;
        for (const maker of seen ? ownerKeys(seen) : []) {
          for (const each of cache.byIndex('owner', maker)) controller.enqueue(keyOf(each));
        }
        // Those that waited for its guests.
        if (!before || !isOpen(before) || (after && isOpen(after))) return;
        for (const each of cache.byIndex('open', refOf(key).namespace ?? '')) controller.enqueue(keyOf(each));
      });
      const schedules = new FreezeScheduleController({
        ...common,
        madeBy: (window) => cache.byIndex('maker', ownerKey(window)),
        onMissed,
      });
      const windows = new FreezeWindowController({
        ...common,
        windows: cache,
        openWindowsIn: (namespace) => cache.byIndex('open', namespace),
        fleet,
        ...(onEnded && { onEnded }),
      });
      return async (key, signal) => {
        const window = cache.get(key);
        return window?.spec.schedule === undefined
          ? await windows.reconcile(key, signal)
          : await schedules.reconcile(window, signal);
      };
    },
  );
  return objects;
}

function isOpen({ spec, status }: FsFreezeWindow): boolean {
  return spec.schedule === undefined && status?.completionTime === undefined;
}
