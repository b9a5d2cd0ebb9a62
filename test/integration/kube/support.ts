import type { ConfigMap } from '../../../src/kube/core-resources.ts';
import { loadEndpoint } from '../../../src/kube/endpoint.ts';
import { HttpCluster } from '../../../src/kube/http-cluster.ts';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { systemClock } from '../../../src/seams/clock.ts';

/** A client of the API server that a kubeconfig names. Close it. */
export async function connect(kubeconfig: string): Promise<HttpCluster> {
  return new HttpCluster({ endpoint: await loadEndpoint(kubeconfig, systemClock), random: Math.random });
}

export function configMap(namespace: string, name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
}

/** Does `work` for each number below `count`, a few at once. */
export async function forEachNumber(count: number, atOnce: number, work: (i: number) => Promise<unknown>) {
  const numbers = Array.from({ length: count }, (_, i) => i).values();
  const worker = async () => {
    for (const i of numbers) await work(i);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Names and versions, in order: two views of the same objects are the same if these are. */
export function versions(objects: KubeObject[]): string[] {
  return objects.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).toSorted();
}
