import { hostname } from 'node:os';
import { loadEndpoint } from '../kube/endpoint.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { LeaderElector } from '../kube/leader-elector.ts';
import { measuredCluster } from '../kube/measured-cluster.ts';
import { type ListenAddress, serveObservability } from '../observability/http-server.ts';
import type { Logger } from '../observability/log.ts';
import { createManagerMetrics } from '../observability/manager-metrics.ts';
import { missingCaches, Readiness } from '../observability/readiness.ts';
import { createRuntimeMetrics } from '../observability/runtime-metrics.ts';
import { systemClock as clock } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { runTogether } from '../seams/run-together.ts';
import { createFleetManager } from './fleet-manager.ts';

export interface ManagerOptions {
  kubeconfig: string | undefined;
  /** The operator's own: where the leader Lease is kept. */
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
  const fleetMetrics = createManagerMetrics(metrics.registry);
  const readiness = new Readiness();
  if (address) await serveObservability(address, metrics.registry, readiness);

  const endpoint = await loadEndpoint(kubeconfig, clock);
  const cluster = new HttpCluster({ endpoint, random: random.next });
  // The Lease must not wait behind a fleet's requests.
  const leaseCluster = new HttpCluster({ endpoint, random: random.next });
  const leaseName = 'qga-operator-manager';
  const fleet = createFleetManager({
    instance,
    namespace,
    cluster: measuredCluster(cluster, clock, metrics.apiRequested),
    clock,
    random,
    logger,
    signal,
    reports: {
      reconciled: metrics.reconciled,
      watchRestarted: metrics.watchRestarted,
      jobEnded: fleetMetrics.jobEnded,
      freezeWindowEnded: fleetMetrics.freezeWindowEnded,
      freezeWindowMissed: fleetMetrics.freezeWindowMissed,
      rotated: fleetMetrics.rotated,
    },
  });
  readiness.add('caches', () => missingCaches(fleet.loops));
  metrics.observeQueues(fleet.loops.controllers);

  const elector = new LeaderElector({
    cluster: measuredCluster(leaseCluster, clock, metrics.apiRequested),
    namespace,
    name: leaseName,
    identity: instance,
    clock,
    logger,
  });
  fleetMetrics.observeLeader(leaseName, () => elector.leading);
  fleetMetrics.observeFleet(fleet.census);
  readiness.complete();
  logger.info({ instance }, 'manager started');
  try {
    await runTogether(
      signal,
      (until) => elector.run(until, fleet.lead),
      (until) => fleet.loops.runInformers(until),
    );
  } finally {
    await Promise.all([cluster.close(), leaseCluster.close()]);
  }
}
