import {
  domainUuidLabel,
  guestHosts,
  guests as guestResource,
  guestTasks,
  refreshAnnotation,
} from '../api/resources.ts';
import { isTaskOver } from '../api/tasks.ts';
import { ChannelRepair } from '../guest/channel-repair.ts';
import type { Hypervisor } from '../guest/hypervisor.ts';
import type { Journal } from '../guest/journal.ts';
import type { Cluster } from '../kube/cluster.ts';
import { ControlLoops, type LoopReports } from '../kube/control-loops.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { keyOf } from '../kube/objects.ts';
import type { AgentCall, HostView } from '../observability/agent-metrics.ts';
import type { Logger } from '../observability/log.ts';
import type { OpeningKey } from '../sealing/seal.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { version } from '../version.ts';
import { ChannelDoctor } from './channel-doctor.ts';
import { FactsReader } from './facts-reader.ts';
import { freezeEvent } from './freeze-event.ts';
import { FreezeKeeper } from './freeze-keeper.ts';
import { GuestRegistry } from './guest-registry.ts';
import { HostLease, hostLeaseName } from './host-lease.ts';
import { HostReporter } from './host-reporter.ts';
import { hostView, openKeys } from './host-view.ts';
import { Inventory } from './inventory.ts';
import { warnOfLanguage } from './libvirt-language.ts';
import type { TaskOutcome } from './task-decision.ts';
import { TaskExecutor } from './task-executor.ts';

export interface NodeAgentOptions {
  node: string;
  libvirtUri: string;
  defaultNamespace: string;
  leaseNamespace: string;
  /** Of guests that say nothing of their own. */
  channelRepair: 'Auto' | 'Manual';
  cluster: Cluster;
  hypervisor: Hypervisor;
  journal: Journal<TaskOutcome>;
  /** Opens what is sealed to this node; undefined where its key is damaged. */
  openingKey: OpeningKey | undefined;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Ends every wait for guests and for the API server. */
  signal: AbortSignal;
  reports?: LoopReports & {
    taskStarted?(actionName: string): void;
    taskEnded?(outcome: TaskOutcome, actionName: string, seconds: number): void;
    agentCalled?(call: AgentCall): void;
    hypervisorConnected?(connected: boolean): void;
    channelRepaired?(succeeded: boolean): void;
  };
}

/** What no event told is found by then. */
const lookAtAllMs = 5 * 60_000;
/** Changes of many guests at once make one write of the GuestHost. */
const hostPaceMs = 500;

/** The agent of one node, made of its seams: everything but the process around it. */
export interface NodeAgent {
  readonly loops: ControlLoops;
  readonly registry: GuestRegistry;
  readonly lease: HostLease;
  /** What there is to see on the host now. */
  view(): HostView;
  /** Why libvirt can't be reached; undefined while it can. */
  libvirtProblem(): string | undefined;
  /** Works until the signal aborts. Rejects when another agent took the node. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when nothing is under way any more; abort `signal` of the options first. */
  drained(): Promise<void>;
}

export function createNodeAgent(options: NodeAgentOptions): NodeAgent {
  const { node, libvirtUri, cluster, hypervisor, journal, clock, random, logger, signal, reports = {} } = options;
  const startTime = timestamp(clock.now());
  let disconnected: string | undefined;
  const libvirtProblem = () =>
    hypervisor.info() ? undefined : (disconnected ?? `${libvirtUri} has not been reached yet`);

  const registry = new GuestRegistry(hypervisor, (command) => {
    const since = clock.monotonic();
    return (failure) =>
      reports.agentCalled?.({ command, seconds: (clock.monotonic() - since) / 1000, code: failure?.code });
  });
  const loops = new ControlLoops({ cluster, clock, random, logger, reports });
  const tasks = loops.informer(guestTasks, { fieldSelector: `spec.nodeName=${node}` });
  const guests = loops.informer(guestResource, { fieldSelector: `status.node=${node}` });
  const hosts = loops.informer(guestHosts, { fieldSelector: `metadata.name=${node}` });
  tasks.cache.addIndex('guest', (task) => (isTaskOver(task) ? [] : [task.spec.guestUID ?? '']));
  tasks.cache.addIndex('open', openKeys);
  guests.cache.addIndex('uuid', ({ metadata }) => [metadata.labels?.[domainUuidLabel] ?? '']);
  const guestOf = (uuid: string) => guests.cache.byIndex('uuid', uuid)[0];

  const events = new EventRecorder({ cluster, controller: 'qga.dev/agent', instance: node, clock, logger, signal });
  const freezes = new FreezeKeeper({
    registry,
    journal,
    hypervisor,
    clock,
    logger,
    onChange(uuid, hold, before) {
      const guest = guestOf(uuid);
      const note = freezeEvent(hold, before);
      if (guest && note) events.record(guest, note);
      registry.changed(uuid);
      guestController.enqueue(uuid);
      factsController.enqueue(uuid);
    },
  });
  const executor = new TaskExecutor({
    cluster,
    journal,
    registry,
    openingKey: options.openingKey,
    freezes,
    guestOf: (key) => guests.cache.get(key),
    node,
    instance: `${node}-${random.uuid().slice(0, 8)}`,
    clock,
    logger,
    signal,
    lookAgain: (task, ms) => taskController.enqueueAfter(keyOf(task), ms),
    onDeletedEnded(uuid, note) {
      const guest = guestOf(uuid);
      if (guest) events.record(guest, { type: 'Normal', reason: 'DeletedTaskEnded', action: 'Kill', note });
    },
    onStarted: (actionName) => reports.taskStarted?.(actionName),
    onEnded: (outcome, actionName, seconds) => reports.taskEnded?.(outcome, actionName, seconds),
  });
  const repair = new ChannelRepair({ hypervisor, journal: journal as Journal<never>, clock });
  const inventory = new Inventory({
    cluster,
    hypervisor,
    registry,
    node,
    defaultNamespace: options.defaultNamespace,
    guestOf,
    lookAgain: (uuid) => guestController.enqueue(uuid),
    askGuest: (uuid) => factsController.enqueue(uuid),
    isUnplugged: (uuid) => repair.isUnplugged(uuid),
    clock,
    random,
    logger,
  });
  const doctor = new ChannelDoctor({
    repair,
    registry,
    guestOf,
    defaultPolicy: options.channelRepair,
    clock,
    logger,
    onTried: (uuid, succeeded) => {
      if (succeeded) registry.find(uuid)?.freeze?.holder.replugged();
      guestController.enqueue(uuid);
      reports.channelRepaired?.(succeeded);
    },
    onFinished: (uuid) => guestController.enqueue(uuid),
  });
  const factsReader = new FactsReader({
    registry,
    wishOf: (uuid) => {
      const { metadata, status } = guestOf(uuid) ?? {};
      const wish = metadata?.annotations?.[refreshAnnotation];
      const answered = registry.find(uuid)?.refreshed?.wish ?? status?.observedRefresh;
      return wish === answered ? undefined : wish;
    },
    onRead: (uuid) => {
      guestController.enqueue(uuid);
      channelController.enqueue(uuid);
    },
    clock,
    random,
  });
  const leaseRef = { namespace: options.leaseNamespace, name: hostLeaseName(node) };
  const lease = new HostLease({
    cluster,
    node,
    namespace: options.leaseNamespace,
    holder: journal.id,
    clock,
    logger,
  });
  const reporter = new HostReporter({
    cluster,
    node,
    clock,
    observe: () => ({
      uri: libvirtUri,
      info: hypervisor.info(),
      problem: libvirtProblem(),
      registry,
      agent: { version, startTime },
      lease: leaseRef,
      sealingKey: options.openingKey?.sealingKey,
    }),
  });

  // Domains without a Guest are found by `domains`, whose only key is the node.
  const everyGuest = {
    keys: () => guests.cache.list().flatMap(({ metadata }) => metadata.labels?.[domainUuidLabel] ?? []),
  };
  const theNode = { keys: () => [node] };
  const taskController = loops.controller('guesttask', 32, tasks.cache, async (key) => {
    const task = tasks.cache.get(key);
    return task ? await executor.reconcile(task) : {};
  });
  const guestController = loops.controller('guest', 8, everyGuest, (uuid, until) => inventory.reconcile(uuid, until));
  // Guests are slow: so many that the hung ones among them leave room for the others; the lanes bound them.
  const factsController = loops.controller('guestfacts', 64, everyGuest, (uuid, until) =>
    factsReader.reconcile(uuid, until),
  );
  const channelController = loops.controller('channel', 4, everyGuest, (uuid, until) => doctor.reconcile(uuid, until));
  const hostController = loops.controller('guesthost', 1, theNode, (_, until) => reporter.reconcile(until));
  const domainsController = loops.controller('domains', 1, theNode, async (_, until) => {
    if (!hypervisor.info()) return {};
    for (const uuid of repair.unfinished()) channelController.enqueue(uuid);
    await inventory.lookAtAll(guests.cache.list(), until);
    return { requeueAfterMs: lookAtAllMs };
  });

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
    channelController.enqueue(uuid);
    factsController.enqueue(uuid);
  });
  hosts.onChange((_key, _before, after) => {
    if (after) reporter.changed(after);
    hostController.enqueue(node);
  });
  registry.onChange((uuid) => {
    for (const task of tasks.cache.byIndex('guest', uuid)) taskController.enqueue(keyOf(task));
    reportHost();
  });
  registry.onSuspicion((uuid) => factsController.enqueue(uuid));
  hypervisor.subscribe((event) => {
    inventory.onEvent(event);
    if (event.type !== 'connected' && event.type !== 'disconnected') return;
    const connected = event.type === 'connected';
    disconnected = event.type === 'disconnected' ? event.message : undefined;
    reports.hypervisorConnected?.(connected);
    logger.info({ event }, connected ? 'libvirt connected' : 'libvirt disconnected');
    reportHost();
    if (connected) {
      domainsController.enqueue(node);
      void warnOfLanguage(hypervisor, logger, signal);
    } else for (const uuid of everyGuest.keys()) guestController.enqueue(uuid);
  });

  /** Nothing is done in a node's name before its Lease is held. */
  async function workWhileLeased(until: AbortSignal): Promise<void> {
    const held = Promise.withResolvers<void>();
    const work = held.promise.then(() => loops.runControllers(until));
    void tasks.synced.then(() => executor.takeUp(tasks.cache.list()));
    await Promise.all([lease.keep(until, held.resolve).finally(held.resolve), work]);
  }

  return {
    loops,
    registry,
    lease,
    view: () => hostView(registry, tasks.cache.countsByIndex('open'), clock.now()),
    libvirtProblem,
    run: (until) =>
      runTogether(
        until,
        (each) => freezes.run(each),
        (each) => loops.runInformers(each),
        workWhileLeased,
      ),
    async drained() {
      await Promise.all([executor.drained(), events.drained()]);
    },
  };
}
