import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildImages } from './cluster/images.ts';
import { startNodeNamespace } from './cluster/node.ts';
import { startNodeServices } from './cluster/node-services.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { chart, helm } from './helm.ts';

export interface ClusterOptions {
  /** Holds all that the cluster writes. */
  dir: string;
  /** The folder with libvirt's sockets: the node's /run/libvirt. */
  libvirtSockets: string;
  signal?: AbortSignal;
}

/** A real Kubernetes of one node: kubelet, containerd, scheduler and kube-proxy beside the control plane. */
export interface Cluster extends ControlPlane {
  readonly nodeName: string;
  /** Put before a command, it runs in the node. */
  readonly enter: readonly string[];
  /** Installs or upgrades the chart by Helm, with the image made from the repository, and waits until it is ready. */
  install(values?: object): Promise<string>;
  /** Uninstalls the chart, and waits until what was its own is gone. */
  uninstall(): Promise<string>;
}

const namespace = 'qga-system';
const release = 'qga-operator';
const patience = ['--wait', '--timeout=2m'];

/** Starts a cluster in namespaces of its own; what runs in it ends with this process at the latest. */
export async function startCluster({ dir, libvirtSockets, signal }: ClusterOptions): Promise<Cluster> {
  const pki = join(dir, 'pki');
  const nodeDir = join(dir, 'node');
  await mkdir(dir, { recursive: true });
  const { archives, operator } = await buildImages();
  const node = await startNodeNamespace({ dir: nodeDir, libvirtSockets, signal });
  try {
    const controlPlane = await startControlPlane({
      dir,
      place: node,
      // For logs and exec the API server asks the kubelet.
      apiServerArguments: [
        `--kubelet-client-certificate=${join(pki, 'admin.crt')}`,
        `--kubelet-client-key=${join(pki, 'admin.key')}`,
        '--kubelet-preferred-address-types=InternalIP',
      ],
      ...(signal && { signal }),
    });
    await startNodeServices({ dir: nodeDir, pki, controlPlane, node, archives });
    const home = { kubeconfig: controlPlane.kubeconfig, enter: node.enter, namespace };
    return {
      ...controlPlane,
      nodeName: node.name,
      enter: node.enter,
      install: async (values = {}) =>
        helm(['upgrade', release, chart], {
          ...home,
          values: { image: operator, ...values },
          args: ['--install', '--create-namespace', ...patience],
        }),
      uninstall: async () => helm(['uninstall', release], { ...home, args: patience }),
      stop: () => node.stop(),
    };
  } catch (error) {
    await node.stop();
    throw error;
  }
}
