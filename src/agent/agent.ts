import { Journal } from '../guest/journal.ts';
import { loadEndpoint } from '../kube/endpoint.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { measuredCluster } from '../kube/measured-cluster.ts';
import { ensureThreads, guardExit, hardExit, keepMallocSmall, LibvirtHypervisor } from '../libvirt/index.ts';
import { createAgentMetrics } from '../observability/agent-metrics.ts';
import { type ListenAddress, serveObservability } from '../observability/http-server.ts';
import type { Logger } from '../observability/log.ts';
import { missingCaches, Readiness } from '../observability/readiness.ts';
import { createRuntimeMetrics } from '../observability/runtime-metrics.ts';
import { NodeKeyDamagedError } from '../sealing/errors.ts';
import { NodeKey } from '../sealing/node-key.ts';
import { systemClock as clock } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { actionNames } from './actions/index.ts';
import { metadataUri } from './domain-metadata.ts';
import { hostLeaseName } from './host-lease.ts';
import { createNodeAgent } from './node-agent.ts';
import { lockStateDir } from './state-dir-lock.ts';
import type { TaskOutcome } from './task-decision.ts';

export interface AgentOptions {
  kubeconfig: string | undefined;
  node: string;
  libvirtUri: string;
  stateDir: string;
  defaultNamespace: string;
  leaseNamespace: string;
  /** Whether broken agent channels are mended, of guests that say nothing of their own. */
  channelRepair: 'Auto' | 'Manual';
  /** Undefined: nothing is served. */
  address: ListenAddress | undefined;
  logger: Logger;
  signal: AbortSignal;
}

/** So many guests are spoken to at once. */
const lanes = 8;

/** Ends the process though calls to guests are still blocked in libvirt. */
export const exitNow: (code: number) => void = hardExit;

/** Runs the agent of one hypervisor until the signal aborts. Rejects when it can't begin, or another one took its node. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { node, libvirtUri, stateDir, defaultNamespace, leaseNamespace, logger, signal } = options;
  keepMallocSmall();
  // Before anything takes a thread of the pool.
  ensureThreads(lanes);
  guardExit();
  const metrics = createRuntimeMetrics();
  const agentMetrics = createAgentMetrics(metrics.registry, actionNames);
  const readiness = new Readiness();
  if (options.address) await serveObservability(options.address, metrics.registry, readiness);
  const lock = await lockStateDir(stateDir);
  const journal = await Journal.open<TaskOutcome>(stateDir);
  const { openingKey, keyProblem } = await openNodeKey(stateDir, logger);
  readiness.add('sealing-key', () => keyProblem);
  const halt = new AbortController();

  const hypervisor = new LibvirtHypervisor({ uri: libvirtUri, metadataUri, lanes, random: random.next });
  const cluster = new HttpCluster({ endpoint: await loadEndpoint(options.kubeconfig, clock), random: random.next });
  const agent = createNodeAgent({
    node,
    libvirtUri,
    defaultNamespace,
    leaseNamespace,
    channelRepair: options.channelRepair,
    cluster: measuredCluster(cluster, clock, metrics.apiRequested),
    hypervisor,
    journal,
    openingKey,
    clock,
    random,
    logger,
    signal: AbortSignal.any([signal, halt.signal]),
    reports: {
      reconciled: metrics.reconciled,
      watchRestarted: metrics.watchRestarted,
      taskStarted: agentMetrics.taskStarted,
      taskEnded({ phase, reason, freeze }, action, seconds) {
        agentMetrics.taskEnded({ action, phase, reason, seconds });
        const frozenMs = frozenMsOf(freeze);
        if (frozenMs !== undefined) agentMetrics.thawed(frozenMs / 1000);
      },
      agentCalled: agentMetrics.agentCalled,
      hypervisorConnected: agentMetrics.hypervisorConnected,
      channelRepaired: agentMetrics.channelRepaired,
    },
  });
  readiness.add('libvirt', agent.libvirtProblem);
  readiness.add('caches', () => missingCaches(agent.loops));
  readiness.add('lease', () =>
    agent.lease.held ? undefined : `the Lease ${leaseNamespace}/${hostLeaseName(node)} is not held`,
  );
  metrics.observeQueues(agent.loops.controllers);
  agentMetrics.observeHost(agent.view);

  readiness.complete();
  logger.info({ journal: journal.id }, 'agent started');
  try {
    await runTogether(
      signal,
      (until) => hypervisor.start(until),
      (until) => agent.run(until),
    );
  } finally {
    halt.abort();
    await agent.drained();
    await Promise.all([hypervisor.close(), cluster.close(), journal.close()]);
    lock.close();
  }
}

function frozenMsOf({ frozenAt, thawedAt }: TaskOutcome['freeze'] = {}): number | undefined {
  return frozenAt !== undefined && thawedAt !== undefined ? Date.parse(thawedAt) - Date.parse(frozenAt) : undefined;
}

/** Frozen guests must be thawed and results delivered whatever became of the key: without it only Secrets are missed. */
async function openNodeKey(
  stateDir: string,
  logger: Logger,
): Promise<{ openingKey: NodeKey | undefined; keyProblem?: string }> {
  try {
    return { openingKey: await NodeKey.open(stateDir) };
  } catch (error) {
    if (!(error instanceof NodeKeyDamagedError)) throw error;
    logger.error({ err: error }, 'tasks that take something from Secrets must wait');
    return { openingKey: undefined, keyProblem: error.message };
  }
}
