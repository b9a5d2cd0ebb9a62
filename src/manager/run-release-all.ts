import { loadEndpoint } from '../kube/endpoint.ts';
import { HttpCluster } from '../kube/http-cluster.ts';
import { systemClock as clock } from '../seams/clock.ts';
import { systemRandom as random } from '../seams/random.ts';
import { type ReleaseAllOptions, releaseAll } from './release-all.ts';

export interface RunReleaseAllOptions extends Omit<ReleaseAllOptions, 'cluster' | 'clock'> {
  kubeconfig: string | undefined;
}

/** `releaseAll` on a real cluster. */
export async function runReleaseAll({ kubeconfig, ...options }: RunReleaseAllOptions): Promise<void> {
  const cluster = new HttpCluster({ endpoint: await loadEndpoint(kubeconfig, clock), random: random.next });
  try {
    await releaseAll({ ...options, cluster, clock });
  } finally {
    await cluster.close();
  }
}
