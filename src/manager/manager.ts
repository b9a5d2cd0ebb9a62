import { hostname } from 'node:os';
import {
  type Guest,
  guestExecJobs,
  guestHosts,
  guests as guestResource,
  guestTasks,
  hostLabel,
  ownerUidLabel,
} from '../api/resources.ts';
import { ControlLoops } from '../kube/control-loops.ts';
import { leases } from '../kube/core-resources.ts';
import { loadEndpoint } from '../kube/endpoint.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { LeaderElector } from '../kube/leader-elector.ts';
import { keyOf } from '../kube/objects.ts';
import { type ListenAddress, serveObservability } from '../observability/http-server.ts';
import type { Logger } from '../observability/log.ts';
import { createManagerMetrics } from '../observability/manager-metrics.ts';
import { missingCaches, Readiness } from '../observability/readiness.ts';
import { createRuntimeMetrics } from '../observability/runtime-metrics.ts';
import { systemClock as clock } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { ExecJobController } from './exec-job-controller.ts';
import { HostWatcher } from './host-watcher.ts';
import { isTargeted } from './job-target.ts';
import { needsBinding, TaskBinder } from './task-binder.ts';

export interface ManagerOptions {
  kubeconfig: string | undefined;
  /** Where the leader Lease is kept. */
  namespace: string;
  /** Undefined: nothing is served. */
  address: ListenAddress | undefined;
  logger: Logger;
  signal: AbortSignal;
}

/** Runs a manager until the signal aborts. Rejects when it can't begin, or when it lost the lead. */
export async function runManager({ kubeconfig, namespace, address, logger, signal }: ManagerOptions): Promise<void> {
  const instance = `${hostname()}-${random.uuid().slice(0, 8)}`;
  const metrics = createRuntimeMetrics();
  const jobMetrics = createManagerMetrics(metrics.registry);
  const readiness = new Readiness();
  if (address) await serveObservability(address, metrics.registry, readiness);

  const cluster = new HttpCluster({ endpoint: await loadEndpoint(kubeconfig, clock), random: random.next });
  const loops = new ControlLoops({
    cluster,
    clock,
    random,
    logger,
    onReconciled: metrics.reconciled,
    onRestart: metrics.watchRestarted,
  });
  readiness.add('caches', () => missingCaches(loops));
  const jobs = loops.informer(guestExecJobs);
  const tasks = loops.informer(guestTasks);
  const guests = loops.informer(guestResource);
  const hosts = loops.informer(guestHosts);
  const hostLeases = loops.informer(leases, { labelSelector: hostLabel });
  tasks.cache.addIndex('owner', ({ metadata }) => [metadata.labels?.[ownerUidLabel] ?? '']);
  guests.cache.addIndex('namespace', ({ metadata }) => [metadata.namespace ?? '']);
  guests.cache.addIndex('node', ({ status }) => [status?.node ?? '']);
  jobs.cache.addIndex('namespace', ({ metadata }) => [metadata.namespace ?? '']);
  jobs.cache.addIndex('uid', ({ metadata }) => [metadata.uid ?? '']);

  const events = new EventRecorder({ cluster, controller: 'qga.dev/manager', instance, clock, logger, signal });
  const execJobs = new ExecJobController({
    cluster,
    jobs: jobs.cache,
    tasksOf: (ownerUid) => tasks.cache.byIndex('owner', ownerUid),
    guestsIn: (name) => guests.cache.byIndex('namespace', name),
    events,
    clock,
    onEnded: (_, { ended }) => jobMetrics.jobEnded(ended?.type ?? 'Failed', ended?.reason ?? ''),
  });
  const binder = new TaskBinder({ cluster, tasks: tasks.cache, guests: guests.cache });
  const watcher = new HostWatcher({
    cluster,
    hosts: hosts.cache,
    leases: hostLeases.cache,
    guestsOn: (node) => guests.cache.byIndex('node', node),
    clock,
  });
  const jobController = loops.controller('guestexecjob', 8, (key, until) => execJobs.reconcile(key, until));
  const bindController = loops.controller('taskbinder', 4, (key, until) => binder.reconcile(key, until));
  const hostController = loops.controller('guesthost', 2, (key, until) => watcher.reconcile(key, until));
  metrics.observeQueues(loops.controllers);

  jobs.onChange((key) => jobController.enqueue(key));
  tasks.onChange((key, before, after) => {
    const owner = (after ?? before)?.metadata.labels?.[ownerUidLabel];
    if (owner !== undefined)
      for (const { metadata } of jobs.cache.byIndex('uid', owner)) jobController.enqueue(keyOf({ metadata }));
    if (after && needsBinding(after)) bindController.enqueue(key);
  });
  guests.onChange((_, before, after) => {
    const guest = (after ?? before) as Guest;
    for (const job of jobs.cache.byIndex('namespace', guest.metadata.namespace ?? '')) {
      const targeted =
        isTargeted(guest, job.spec.target) || (before !== undefined && isTargeted(before, job.spec.target));
      if (targeted && job.status?.completionTime === undefined) jobController.enqueue(keyOf(job));
    }
    if (before === undefined) {
      for (const task of tasks.cache.list()) if (needsBinding(task)) bindController.enqueue(keyOf(task));
    }
  });
  hosts.onChange((node) => hostController.enqueue(node));
  hostLeases.onChange((_, before, after) => {
    const node = (after ?? before)?.metadata.labels?.[hostLabel];
    if (node !== undefined) hostController.enqueue(node);
  });

  const elector = new LeaderElector({
    cluster,
    namespace,
    name: 'qga-operator-manager',
    identity: instance,
    clock,
    logger,
  });
  jobMetrics.observeLeader(() => elector.leading);
  const lead = async (until: AbortSignal) => {
    await loops.runControllers(until);
    await events.drained();
  };
  readiness.complete();
  logger.info({ instance }, 'manager started');
  try {
    await runTogether(
      signal,
      (until) => elector.run(until, lead),
      (until) => loops.runInformers(until),
    );
  } finally {
    await cluster.close();
  }
}
