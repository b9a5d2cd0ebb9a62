// The agents of many hosts in one process, real but for their hosts, guests and disks.
// usage: simulated-agents.ts KUBECONFIG HOSTS GUESTS      (guests on each host)
import { createNodeAgent } from '../../src/agent/node-agent.ts';
import type { TaskOutcome } from '../../src/agent/task-decision.ts';
import { Journal } from '../../src/guest/journal.ts';
import type { JournalFile } from '../../src/guest/journal-file.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { createLogger } from '../../src/observability/log.ts';
import { systemClock as clock } from '../../src/seams/clock.ts';
import { systemRandom as random } from '../../src/seams/random.ts';
import { SimulatedHost } from './simulated-host.ts';

const [kubeconfig = '', hosts = '0', guests = '0'] = process.argv.slice(2);
const logger = createLogger('warn', { component: 'simulated-agents' });
const ending = new AbortController();

async function runHost(node: string): Promise<void> {
  const hypervisor = new SimulatedHost(node, Number(guests));
  const cluster = new HttpCluster({ endpoint: await loadEndpoint(kubeconfig, clock), random: random.next });
  const agent = createNodeAgent({
    node,
    libvirtUri: hypervisor.info().uri,
    defaultNamespace: 'default',
    leaseNamespace: 'qga-system',
    channelRepair: 'Manual',
    cluster,
    hypervisor,
    journal: await Journal.of<TaskOutcome>(noDisk, random),
    openingKey: undefined,
    clock,
    random,
    logger,
    signal: ending.signal,
  });
  const running = agent.run(ending.signal);
  hypervisor.connect();
  await running;
  await agent.drained();
  await cluster.close();
}

/** Many hosts share a disk here that they would not share elsewhere: theirs is left out. */
const noDisk: JournalFile = {
  path: 'nowhere',
  read: async () => undefined,
  replace: async () => {},
  append: async () => {},
  close: async () => {},
};

process.once('SIGTERM', () => ending.abort());
await Promise.all(Array.from({ length: Number(hosts) }, (_, index) => runHost(`sim-${index + 1}`)));
