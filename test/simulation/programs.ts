import { createNodeAgent, type NodeAgent } from '../../src/agent/node-agent.ts';
import type { TaskOutcome } from '../../src/agent/task-decision.ts';
import type { Hypervisor } from '../../src/guest/hypervisor.ts';
import { Journal } from '../../src/guest/journal.ts';
import type { JournalFile } from '../../src/guest/journal-file.ts';
import type { Cluster } from '../../src/kube/cluster.ts';
import { LeaderElector } from '../../src/kube/leader-elector.ts';
import { createFleetManager } from '../../src/manager/fleet-manager.ts';
import type { Logger } from '../../src/observability/log.ts';
import { runTogether } from '../../src/seams/run-together.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** The seams of an agent's process. */
export interface AgentSeams {
  node: string;
  process: SimulatedProcess;
  cluster: Cluster;
  hypervisor: Hypervisor;
  startHypervisor(): void;
  journal: JournalFile;
  logger: Logger;
}

/** What runs of an agent, for those who want to know whether it has come to rest. */
export interface RunningAgent {
  agent: NodeAgent;
  journal: Journal<TaskOutcome>;
}

/** As `runAgent`, less what ties it to a machine. */
export async function runSimulatedAgent(seams: AgentSeams, onStarted: (running: RunningAgent) => void): Promise<void> {
  const { node, process, cluster, hypervisor, logger } = seams;
  const { clock, chance: random, terminate } = process;
  const halt = new AbortController();
  const journal = await Journal.of<TaskOutcome>(seams.journal, random);
  const agent = createNodeAgent({
    node,
    libvirtUri: `simulated://${node}`,
    defaultNamespace: 'default',
    leaseNamespace: 'qga-system',
    channelRepair: 'Manual',
    cluster,
    hypervisor,
    journal,
    openingKey: undefined,
    clock,
    random,
    logger,
    signal: AbortSignal.any([terminate.signal, halt.signal]),
  });
  onStarted({ agent, journal });
  seams.startHypervisor();
  try {
    await agent.run(terminate.signal);
  } finally {
    halt.abort();
    await agent.drained();
    await journal.close();
  }
}

/** The seams of a manager's process. */
export interface ManagerSeams {
  process: SimulatedProcess;
  cluster: Cluster;
  logger: Logger;
}

/** As `runManager`, less what ties it to a machine. */
export async function runSimulatedManager({ process, cluster, logger }: ManagerSeams): Promise<void> {
  const { clock, chance: random, terminate, name: identity } = process;
  const namespace = 'qga-system';
  const fleet = createFleetManager({
    instance: identity,
    namespace,
    cluster,
    clock,
    random,
    logger,
    signal: terminate.signal,
  });
  const elector = new LeaderElector({ cluster, namespace, name: 'qga-operator-manager', identity, clock, logger });
  await runTogether(
    terminate.signal,
    (until) => elector.run(until, fleet.lead),
    (until) => fleet.loops.runInformers(until),
  );
}
