import { afterAll, beforeAll, expect } from 'vitest';
import type { FsFreezeWindow, GuestTask } from '../../../src/api/resources.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import type { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { managerKubeconfig, missingRights } from '../../harness/account.ts';
import { type ControlPlane, startControlPlane } from '../../harness/control-plane.ts';
import { eventually } from '../../harness/eventually.ts';
import { testFolder } from '../../harness/fixtures.ts';
import type { Kubectl } from '../../harness/kubectl.ts';
import { type OperatorProcess, startManager } from '../../harness/operator.ts';
import { baseManifests } from '../../harness/vitest/shared.ts';
import { connect } from '../kube/support.ts';
import { SimulatedFreezeAgent } from './simulated-freeze-agent.ts';

export interface FreezeFixture extends Omit<Kubectl, 'kubeconfig'> {
  namespace: string;
  /** The file that names the control plane. */
  kubeconfig(): string;
  manager(): OperatorProcess;
  /** Two SIMULATED hosts. */
  hosts(): [SimulatedFreezeAgent, SimulatedFreezeAgent];
  /** One more, for a test that breaks it. */
  addHost(): Promise<SimulatedFreezeAgent>;
  cluster(): Cluster;
  /** Creates a window and answers its name. */
  create(spec: object, name?: string): Promise<string>;
  window(name: string): Promise<FsFreezeWindow>;
  tasksOf(window: string): Promise<GuestTask[]>;
  patch(name: string, spec: object): Promise<string>;
  until(name: string, test: (window: FsFreezeWindow) => boolean, timeoutMs?: number): Promise<FsFreezeWindow>;
  /** The window once it is Completed or Failed. */
  over(name: string, timeoutMs?: number): Promise<FsFreezeWindow>;
}

/**
 * The real manager program and two simulated hosts for the calling file. They have a control plane of their own, because
 * a manager acts on all of a cluster, and of several only one leads.
 */
export function useFreezes(namespace = 'team-a'): FreezeFixture {
  const folder = testFolder();
  let controlPlane: ControlPlane;
  let manager: OperatorProcess;
  const hosts: SimulatedFreezeAgent[] = [];
  let cluster: HttpCluster;
  let windows = 0;

  beforeAll(async () => {
    controlPlane = await startControlPlane({ dir: folder('cp'), manifests: baseManifests });
    const { kubeconfig } = controlPlane;
    cluster = await connect(kubeconfig);
    await addHost();
    await addHost();
    manager = await startManager({
      kubeconfig: await managerKubeconfig(controlPlane, folder('manager')),
      dir: folder(),
    });
    await manager.waitReady();
  });
  afterAll(async () => {
    await manager?.stop();
    await Promise.all(hosts.map((host) => host.end()));
    await cluster?.close();
    await controlPlane?.stop();
    expect(await missingRights(manager)).toEqual([]);
  });

  async function addHost(): Promise<SimulatedFreezeAgent> {
    const host = new SimulatedFreezeAgent(cluster, namespace, `hv${hosts.length + 1}`);
    hosts.push(host);
    await host.begin();
    return host;
  }
  async function window(name: string): Promise<FsFreezeWindow> {
    return await controlPlane.get<FsFreezeWindow>('fsfreezewindow', name, namespace);
  }
  async function until(
    name: string,
    test: (window: FsFreezeWindow) => boolean,
    timeoutMs = 30_000,
  ): Promise<FsFreezeWindow> {
    let last: FsFreezeWindow | undefined;
    return await eventually(
      async () => {
        last = await window(name);
        return test(last) ? last : undefined;
      },
      { what: `window ${name}`, timeoutMs, intervalMs: 50, hint: () => JSON.stringify(last?.status, undefined, 1) },
    );
  }
  return {
    namespace,
    kubeconfig: () => controlPlane.kubeconfig,
    kubectl: (...args) => controlPlane.kubectl(...args),
    apply: (...manifests) => controlPlane.apply(...manifests),
    applyFile: (path) => controlPlane.applyFile(path),
    get: (resource, name, where) => controlPlane.get(resource, name, where),
    manager: () => manager,
    hosts: () => hosts as [SimulatedFreezeAgent, SimulatedFreezeAgent],
    addHost,
    cluster: () => cluster,
    async create(spec, name = `window-${++windows}`) {
      await controlPlane.apply({
        apiVersion: 'qga.dev/v1alpha1',
        kind: 'FsFreezeWindow',
        metadata: { name, namespace },
        spec,
      });
      return name;
    },
    window,
    async tasksOf(name) {
      const list: { items: GuestTask[] } = JSON.parse(
        await controlPlane.kubectl('get', 'gtask', '-n', namespace, '-o', 'json'),
      );
      return list.items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === name);
    },
    patch: (name, spec) =>
      controlPlane.kubectl('patch', 'ffw', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec })),
    until,
    over: (name, timeoutMs) => until(name, ({ status }) => status?.completionTime !== undefined, timeoutMs),
  };
}
