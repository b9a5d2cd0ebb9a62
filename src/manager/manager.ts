import { hostname } from 'node:os';
import {
  guestExecJobs,
  guestHosts,
  type GuestTask,
  guests as guestResource,
  guestTasks,
  hostLabel,
} from '../api/resources.ts';
import { ControlLoops } from '../kube/control-loops.ts';
import { leases } from '../kube/core-resources.ts';
import { loadEndpoint } from '../kube/endpoint.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { LeaderElector } from '../kube/leader-elector.ts';
import { keyOf, refOf } from '../kube/objects.ts';
import { type ListenAddress, serveObservability } from '../observability/http-server.ts';
import type { Logger } from '../observability/log.ts';
import { createManagerMetrics } from '../observability/manager-metrics.ts';
import { missingCaches, Readiness } from '../observability/readiness.ts';
import { createRuntimeMetrics } from '../observability/runtime-metrics.ts';
import { systemClock as clock } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { ExecJobController } from './exec-job-controller.ts';
import { HostRoll, hostGoneAfterMs } from './host-roll.ts';
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

const slowestPaceMs = 200;
const tasksPerMs = 50;

/** Runs a manager until the signal aborts. Rejects when it can't begin, or when it lost the lead. */
export async function runManager({ kubeconfig, namespace, address, logger, signal }: ManagerOptions): Promise<void> {
  const instance = `${hostname()}-${random.uuid().slice(0, 8)}`;
  const metrics = createRuntimeMetrics();
  const jobMetrics = createManagerMetrics(metrics.registry);
  const readiness = new Readiness();
  if (address) await serveObservability(address, metrics.registry, readiness);

  const endpoint = await loadEndpoint(kubeconfig, clock);
  const cluster = new HttpCluster({ endpoint, random: random.next });
  // The Lease must not wait behind a fleet's requests.
  const leaseCluster = new HttpCluster({ endpoint, random: random.next });
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
  tasks.cache.addIndex('owner', (task) => ownerKeys(task));
  tasks.cache.addIndex('unbound', (task) =>
    needsBinding(task) ? [`${task.metadata.namespace}/${task.spec.guestName}`] : [],
  );
  guests.cache.addIndex('namespace', ({ metadata }) => [metadata.namespace ?? '']);
  guests.cache.addIndex('node', ({ status }) => [status?.node ?? '']);
  jobs.cache.addIndex('open', ({ metadata, status }) => (status?.completionTime ? [] : [metadata.namespace ?? '']));
  jobs.cache.addIndex('owner', ({ metadata }) => [`${metadata.namespace}/${metadata.uid}`]);

  const hostRoll = new HostRoll(hosts.cache, clock);
  const events = new EventRecorder({ cluster, controller: 'qga.dev/manager', instance, clock, logger, signal });
  const execJobs = new ExecJobController({
    cluster,
    jobs: jobs.cache,
    tasksOf: ({ metadata }) => tasks.cache.byIndex('owner', `${metadata.namespace}/${metadata.uid}`),
    hostExists: (node) => hostRoll.exists(node),
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
    for (const owner of ownerKeys(after ?? before)) {
      // A plan looks at every task of its job: of a large fleet many ends make one plan.
      const paceMs = Math.min(slowestPaceMs, tasks.cache.countByIndex('owner', owner) / tasksPerMs);
      for (const job of jobs.cache.byIndex('owner', owner)) jobController.enqueueAfter(keyOf(job), paceMs);
    }
    if (after && needsBinding(after)) bindController.enqueue(key);
  });
  guests.onChange((key, before, after) => {
    const seen = [before, after].filter((guest) => guest !== undefined);
    for (const job of jobs.cache.byIndex('open', refOf(key).namespace ?? '')) {
      if (seen.some((guest) => isTargeted(guest, job.spec.target))) jobController.enqueue(keyOf(job));
    }
    for (const task of tasks.cache.byIndex('unbound', key)) bindController.enqueue(keyOf(task));
  });
  hosts.onChange((node, _before, after) => {
    hostController.enqueue(node);
    if (after) return;
    for (const job of jobs.cache.list()) {
      jobController.enqueue(keyOf(job));
      jobController.enqueueAfter(keyOf(job), hostGoneAfterMs);
    }
  });
  hostLeases.onChange((_, before, after) => {
    const node = (after ?? before)?.metadata.labels?.[hostLabel];
    if (node !== undefined) hostController.enqueue(node);
  });

  const elector = new LeaderElector({
    cluster: leaseCluster,
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
    await Promise.all([cluster.close(), leaseCluster.close()]);
  }
}

/** The object that controls a task, as a key of indexes. A label could be set by anybody. */
function ownerKeys(task: GuestTask | undefined): string[] {
  const owner = task?.metadata.ownerReferences?.find(({ controller }) => controller);
  return owner ? [`${task?.metadata.namespace}/${owner.uid}`] : [];
}
