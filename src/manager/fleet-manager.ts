import { type GuestTask, guestExecJobs, hostLabel } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { ControlLoops, type LoopReports } from '../kube/control-loops.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { keyOf } from '../kube/objects.ts';
import type { Logger } from '../observability/log.ts';
import type { FleetView } from '../observability/manager-metrics.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { ExecJobController } from './exec-job-controller.ts';
import { createFleet } from './fleet.ts';
import { createFleetCensus } from './fleet-census.ts';
import { followFreezeWindows } from './follow-freeze-windows.ts';
import type { WindowFinish } from './freeze-window-finish.ts';
import { HostWatcher } from './host-watcher.ts';
import { followPasswordRotations, type PasswordRotationsOptions } from './password-rotations.ts';
import { followKind } from './targeting-kind.ts';
import { TaskBinder } from './task-binder.ts';
import { TaskInputs } from './task-inputs.ts';
import { isUnready } from './task-readiness.ts';

export interface FleetManagerOptions {
  /** Names this process in events. */
  instance: string;
  /** The operator's own: its Secrets stay out of guests. */
  namespace: string;
  cluster: Cluster;
  clock: Clock;
  random: Random;
  logger: Logger;
  signal: AbortSignal;
  reports?: LoopReports & {
    jobEnded?(condition: string, reason: string): void;
    freezeWindowEnded?: ((finish: WindowFinish) => void) | undefined;
    freezeWindowMissed?: (() => void) | undefined;
    rotated?: PasswordRotationsOptions['onAttemptEnded'];
  };
}

/** The fleet's controllers, made of their seams: everything but the process around them and the election. */
export interface FleetManager {
  readonly loops: ControlLoops;
  readonly census: FleetView;
  /** Decides and writes until the signal aborts: for the one that leads. */
  lead(signal: AbortSignal): Promise<void>;
}

export function createFleetManager(options: FleetManagerOptions): FleetManager {
  const { instance, namespace, cluster, clock, random, logger, signal, reports = {} } = options;
  const loops = new ControlLoops({ cluster, clock, random, logger, reports });
  const fleet = createFleet(loops, clock);
  const inputs = new TaskInputs({ cluster, operatorNamespace: namespace });
  const events = new EventRecorder({ cluster, controller: 'qga.dev/manager', instance, clock, logger, signal });

  const { objects: jobs } = followKind(
    loops,
    fleet,
    { resource: guestExecJobs, name: 'guestexecjob', concurrency: 8, isOpen: ({ status }) => !status?.completionTime },
    ({ cache }) => {
      const controller = new ExecJobController({
        cluster,
        inputs,
        jobs: cache,
        fleet,
        events,
        clock,
        onEnded: (_, { ended }) => reports.jobEnded?.(ended?.type ?? 'Failed', ended?.reason ?? ''),
      });
      return (key, until) => controller.reconcile(key, until);
    },
  );

  const { freezeWindowEnded: onEnded, freezeWindowMissed: onMissed } = reports;
  const windows = followFreezeWindows(loops, fleet, { cluster, events, clock, onEnded, onMissed });
  const onAttemptEnded = reports.rotated ?? (() => {});
  const rotations = followPasswordRotations(loops, fleet, { cluster, events, clock, random, onAttemptEnded });

  const binder = new TaskBinder({ cluster, inputs, fleet });
  const unready = (task: GuestTask) =>
    isUnready(task, fleet.guests.cache.get(`${task.metadata.namespace}/${task.spec.guestName}`));
  const bindController = loops.controller(
    'taskbinder',
    4,
    { keys: () => fleet.tasks.cache.list().filter(unready).map(keyOf) },
    (key, until) => binder.reconcile(key, until),
  );
  fleet.tasks.onChange((key, _before, after) => {
    if (after && unready(after)) bindController.enqueue(key);
  });
  fleet.guests.onChange((key) => {
    for (const task of fleet.unreadyTasksFor(key)) bindController.enqueue(keyOf(task));
  });

  const watcher = new HostWatcher({
    cluster,
    hosts: fleet.hosts.cache,
    leases: fleet.hostLeases.cache,
    guestsOn: fleet.guestsOn,
    clock,
  });
  const hostController = loops.controller('guesthost', 2, fleet.hosts.cache, (key, until) =>
    watcher.reconcile(key, until),
  );
  fleet.hosts.onChange((node) => hostController.enqueue(node));
  fleet.hostLeases.onChange((_, before, after) => {
    const node = (after ?? before)?.metadata.labels?.[hostLabel];
    if (node !== undefined) hostController.enqueue(node);
  });

  return {
    loops,
    census: createFleetCensus({ fleet, jobs: jobs.cache, windows: windows.cache, rotations: rotations.cache }),
    async lead(until) {
      await loops.runControllers(until);
      await events.drained();
    },
  };
}
