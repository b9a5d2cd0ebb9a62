import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { tokenKubeconfig } from '../../harness/account.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testFolder } from '../../harness/fixtures.ts';
import { chart, helm } from '../../harness/helm.ts';
import type { Kubectl } from '../../harness/kubectl.ts';
import { connect } from '../kube/support.ts';

export interface InstalledChart {
  /** Namespace of the release, and what its objects' names begin with. */
  readonly name: string;
  /** A kubeconfig file of a ServiceAccount of the release, its token bound to a Node when one is named. */
  kubeconfigOf(account: string, node?: string): Promise<string>;
  /** A client of the API server as that ServiceAccount. Closed in the end. */
  clientOf(account: string, node?: string): Promise<Cluster>;
}

/**
 * The chart, really installed by Helm for the calling test file, and uninstalled after it: on the shared cluster, or on
 * one that the file's hooks before this call started.
 */
export function installedChart(values: object = {}, cluster: () => Kubectl = sharedCluster): InstalledChart {
  const name = `test-${randomBytes(4).toString('hex')}`;
  const folder = testFolder();
  const clients: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    const { kubeconfig } = cluster();
    // The cluster has the kinds already.
    const own = { fullnameOverride: name, crds: { install: false }, userRoles: { create: false }, ...values };
    await helm(['install', name, chart], { kubeconfig, namespace: name, values: own, args: ['--create-namespace'] });
  });
  afterAll(async () => {
    const { kubeconfig, kubectl } = cluster();
    await Promise.all(clients.map((client) => client.close()));
    // No node would run the pods of its hooks.
    await helm(['uninstall', name], { kubeconfig, namespace: name, args: ['--no-hooks'] });
    await kubectl('delete', 'namespace', name, '--wait=false');
  });

  async function kubeconfigOf(account: string, node?: string): Promise<string> {
    const { kubeconfig, kubectl } = cluster();
    const bound = node === undefined ? [] : ['--bound-object-kind=Node', `--bound-object-name=${node}`];
    const token = await kubectl('create', 'token', account, '-n', name, ...bound);
    return await tokenKubeconfig(kubeconfig, token, folder(`${account}-${node ?? 'unbound'}.kubeconfig`));
  }
  return {
    name,
    kubeconfigOf,
    async clientOf(account, node) {
      const client = await connect(await kubeconfigOf(account, node));
      clients.push(client);
      return client;
    },
  };
}

/** Nodes that no kubelet stands behind: for tokens to be bound to. */
export function testNodes(count: number): string[] {
  const names = Array.from({ length: count }, () => `node-${randomBytes(4).toString('hex')}`);
  const { apply, kubectl } = sharedCluster();
  beforeAll(async () => {
    await apply(...names.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })));
  });
  afterAll(async () => {
    await kubectl('delete', 'node', ...names, '--wait=false');
  });
  return names;
}

/** Policies take hold a moment after they were made. `write` must do no harm while this one does not. */
export async function untilRefused(write: () => Promise<unknown>, sentence: string): Promise<void> {
  await eventually(
    async () => {
      await expect(write()).rejects.toThrow(sentence);
      return true;
    },
    { what: `a write to be refused with "${sentence}"`, timeoutMs: 20_000 },
  );
}
