import { domainUuidLabel, guestHosts, guests as guestResource, guestTasks } from '../api/resources.ts';
import { Journal } from '../guest/journal.ts';
import { ControlLoops } from '../kube/control-loops.ts';
import { loadEndpoint } from '../kube/endpoint.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { keyOf } from '../kube/objects.ts';
import { ensureThreads, guardExit, hardExit, LibvirtHypervisor } from '../libvirt/index.ts';
import { createAgentMetrics } from '../observability/agent-metrics.ts';
import { type ListenAddress, serveObservability } from '../observability/http-server.ts';
import type { Logger } from '../observability/log.ts';
import { missingCaches, Readiness } from '../observability/readiness.ts';
import { createRuntimeMetrics } from '../observability/runtime-metrics.ts';
import { systemClock as clock, timestamp } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { version } from '../version.ts';
import { metadataUri } from './domain-metadata.ts';
import { FactsReader } from './facts-reader.ts';
import { GuestRegistry } from './guest-registry.ts';
import { HostLease, hostLeaseName } from './host-lease.ts';
import { HostReporter } from './host-reporter.ts';
import { Inventory } from './inventory.ts';
import { lockStateDir } from './state-dir-lock.ts';
import { isTaskOver, type TaskOutcome } from './task-decision.ts';
import { TaskExecutor } from './task-executor.ts';

export interface AgentOptions {
  kubeconfig: string | undefined;
  node: string;
  libvirtUri: string;
  stateDir: string;
  defaultNamespace: string;
  leaseNamespace: string;
  /** Undefined: nothing is served. */
  address: ListenAddress | undefined;
  logger: Logger;
  signal: AbortSignal;
}

/** So many guests are spoken to at once. */
const lanes = 8;
/** What no event told is found by then. */
const lookAtAllMs = 5 * 60_000;
/** Changes of many guests at once make one write of the GuestHost. */
const hostPaceMs = 500;

/** Ends the process though calls to guests are still blocked in libvirt. */
export const exitNow: (code: number) => void = hardExit;

/** Runs the agent of one hypervisor until the signal aborts. Rejects when it can't begin, or another one took its node. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { node, libvirtUri, stateDir, defaultNamespace, leaseNamespace, logger, signal } = options;
  // Before anything takes a thread of the pool.
  ensureThreads(lanes);
  guardExit();
  const metrics = createRuntimeMetrics();
  const agentMetrics = createAgentMetrics(metrics.registry);
  const readiness = new Readiness();
  if (options.address) await serveObservability(options.address, metrics.registry, readiness);
  const lock = await lockStateDir(stateDir);
  const journal = await Journal.open<TaskOutcome>(stateDir);
  const startTime = timestamp(clock.now());
  const halt = new AbortController();

  let libvirtProblem: string | undefined;
  const hypervisor = new LibvirtHypervisor({ uri: libvirtUri, metadataUri, lanes, random: random.next });
  const registry = new GuestRegistry(hypervisor);
  readiness.add('libvirt', () =>
    hypervisor.info() ? undefined : (libvirtProblem ?? `${libvirtUri} has not been reached yet`),
  );

  const cluster = new HttpCluster({ endpoint: await loadEndpoint(options.kubeconfig, clock), random: random.next });
  const loops = new ControlLoops({
    cluster,
    clock,
    random,
    logger,
    onReconciled: metrics.reconciled,
    onRestart: metrics.watchRestarted,
  });
  readiness.add('caches', () => missingCaches(loops));
  const tasks = loops.informer(guestTasks, { fieldSelector: `spec.nodeName=${node}` });
  const guests = loops.informer(guestResource, { fieldSelector: `status.node=${node}` });
  const hosts = loops.informer(guestHosts, { fieldSelector: `metadata.name=${node}` });
  tasks.cache.addIndex('guest', (task) => (isTaskOver(task) ? [] : [task.spec.guestUID ?? '']));
  guests.cache.addIndex('uuid', ({ metadata }) => [metadata.labels?.[domainUuidLabel] ?? '']);

  const executor = new TaskExecutor({
    cluster,
    journal,
    registry,
    guestOf: (key) => guests.cache.get(key),
    node,
    instance: `${node}-${random.uuid().slice(0, 8)}`,
    clock,
    logger,
    signal: AbortSignal.any([signal, halt.signal]),
    lookAgain: (task, ms) => taskController.enqueueAfter(keyOf(task), ms),
    onEnded: ({ phase, reason }, seconds) => agentMetrics.taskEnded(phase, reason, seconds),
  });
  const inventory = new Inventory({
    cluster,
    hypervisor,
    registry,
    node,
    defaultNamespace,
    guestOf: (uuid) => guests.cache.byIndex('uuid', uuid)[0],
    lookAgain: (uuid) => guestController.enqueue(uuid),
    askGuest: (uuid) => factsController.enqueue(uuid),
    clock,
    logger,
  });
  const factsReader = new FactsReader({ registry, onRead: (uuid) => guestController.enqueue(uuid), clock, random });
  const lease = { namespace: leaseNamespace, name: hostLeaseName(node) };
  const reporter = new HostReporter({
    cluster,
    node,
    clock,
    observe: () => ({
      uri: libvirtUri,
      info: hypervisor.info(),
      problem: libvirtProblem,
      registry,
      agent: { version, startTime },
      lease,
    }),
  });
  const taskController = loops.controller('guesttask', 32, async (key) => {
    const task = tasks.cache.get(key);
    return task ? await executor.reconcile(task) : {};
  });
  const guestController = loops.controller('guest', 8, (uuid, until) => inventory.reconcile(uuid, until));
  // Guests are slow: so many that the hung ones among them leave room for the others; the lanes bound them.
  const factsController = loops.controller('guestfacts', 64, (uuid, until) => factsReader.reconcile(uuid, until));
  const hostController = loops.controller('guesthost', 1, (_, until) => reporter.reconcile(until));
  const domainsController = loops.controller('domains', 1, async (_, until) => {
    if (!hypervisor.info()) return {};
    await inventory.lookAtAll(guests.cache.list(), until);
    return { requeueAfterMs: lookAtAllMs };
  });
  metrics.observeQueues(loops.controllers);
  const hostLease = new HostLease({ cluster, node, namespace: leaseNamespace, holder: journal.id, clock, logger });
  agentMetrics.observeGuests(() => registry.count());
  readiness.add('lease', () => (hostLease.held ? undefined : `the Lease ${lease.namespace}/${lease.name} is not held`));

  const reportHost = () => hostController.enqueueAfter(node, hostPaceMs);
  tasks.onChange((key, before, after) => {
    if (after) taskController.enqueue(key);
    else if (before) executor.deleted(before);
  });
  guests.onChange((_, before, after) => {
    const uuid = (after ?? before)?.metadata.labels?.[domainUuidLabel];
    if (uuid === undefined) return;
    registry.changed(uuid);
    guestController.enqueue(uuid);
  });
  hosts.onChange((_key, _before, after) => {
    if (after) reporter.changed(after);
    hostController.enqueue(node);
  });
  registry.onChange((uuid) => {
    for (const task of tasks.cache.byIndex('guest', uuid)) taskController.enqueue(keyOf(task));
    reportHost();
  });
  hypervisor.subscribe((event) => {
    if (event.type === 'connected' || event.type === 'disconnected') {
      libvirtProblem = event.type === 'disconnected' ? event.message : undefined;
      agentMetrics.hypervisorConnected(event.type === 'connected');
      logger.info({ event }, event.type === 'connected' ? 'libvirt connected' : 'libvirt disconnected');
      reportHost();
      if (event.type === 'connected') domainsController.enqueue(node);
    } else inventory.onEvent(event);
  });

  readiness.complete();
  logger.info({ journal: journal.id }, 'agent started');
  try {
    await runTogether(
      signal,
      (until) => hypervisor.start(until),
      (until) => loops.runInformers(until),
      async (until) => {
        const held = Promise.withResolvers<void>();
        const work = held.promise.then(() => loops.runControllers(until));
        void tasks.synced.then(() =>
          executor.forgetAllBut(new Set(tasks.cache.list().map(({ metadata }) => metadata.uid ?? ''))),
        );
        await Promise.all([hostLease.keep(until, held.resolve).finally(held.resolve), work]);
      },
    );
  } finally {
    halt.abort();
    await executor.drained();
    await Promise.all([hypervisor.close(), cluster.close(), journal.close()]);
    lock.close();
  }
}
