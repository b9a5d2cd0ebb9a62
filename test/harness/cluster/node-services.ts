import { join } from 'node:path';
import { issueCertificate, writeKubeconfig } from '../control-plane/credentials.ts';
import type { ControlPlane } from '../control-plane.ts';
import { eventually } from '../eventually.ts';
import { harnessPaths } from '../paths.ts';
import { inPlace } from '../place.ts';
import { run } from '../run.ts';
import { type Service, startService } from '../service.ts';
import { pauseImage, writeNodeConfiguration } from './configuration.ts';
import type { NodeNamespace } from './node.ts';

export interface NodeServicesOptions {
  /** Holds the node's configuration and logs. */
  dir: string;
  /** The folder of the control plane's certificate authority. */
  pki: string;
  controlPlane: ControlPlane;
  node: NodeNamespace;
  /** Archives of the images that pods will ask for. */
  archives: readonly string[];
}

const timeoutMs = 90_000;

/** Starts what makes namespaces a node of the cluster; resolves when the node is ready. */
export async function startNodeServices(options: NodeServicesOptions): Promise<void> {
  const { dir, pki, controlPlane, node, archives } = options;
  const { url, caFile, kubectl } = controlPlane;
  const kubeconfigs = {
    kubelet: `/O=system:nodes/CN=system:node:${node.name}`,
    'kube-proxy': '/CN=system:kube-proxy',
    'kube-scheduler': '/CN=system:kube-scheduler',
  };
  for (const [name, subject] of Object.entries(kubeconfigs)) {
    await writeKubeconfig(join(dir, `${name}.kubeconfig`), url, caFile, await issueCertificate(pki, name, subject));
  }
  await writeNodeConfiguration({ dir, address: node.address, name: node.name, ca: caFile });
  await startContainerd(dir, node, archives);
  const kubelet = await startKubernetes(dir, node);
  await eventually(async () => kubectl('wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=60s'), {
    what: 'the node to be ready',
    timeoutMs,
    intervalMs: 300,
    hint: () => kubelet.logTail(),
  });
}

async function startContainerd(dir: string, { enter }: NodeNamespace, archives: readonly string[]): Promise<void> {
  const ctr = async (...args: string[]) => {
    const line = inPlace(enter, 'ctr', ['-n', 'k8s.io', ...args]);
    return await run(line.command, line.args, { timeoutMs });
  };
  const containerd = await startService({
    name: 'containerd',
    ...inPlace(enter, 'containerd', ['--config', join(dir, 'etc/containerd.toml')]),
    logFile: join(dir, 'containerd.log'),
  });
  await eventually(async () => ctr('version'), { what: 'containerd', timeoutMs, hint: () => containerd.logTail() });
  for (const archive of archives) await ctr('images', 'import', archive);
  // Else the kubelet might remove what can't be had again.
  await ctr('images', 'label', pauseImage, 'io.cri-containerd.pinned=pinned');
}

/** Answers the kubelet. */
async function startKubernetes(dir: string, { name, address, enter }: NodeNamespace): Promise<Service> {
  const start = async (program: string, ...args: string[]) =>
    startService({
      name: program,
      ...inPlace(enter, join(harnessPaths().controlPlane, program), args),
      logFile: join(dir, `${program}.log`),
    });
  const kubeconfig = (program: string) => `--kubeconfig=${join(dir, `${program}.kubeconfig`)}`;
  const config = (file: string) => `--config=${join(dir, 'etc', file)}`;
  await start('kube-scheduler', kubeconfig('kube-scheduler'), '--leader-elect=false', '--secure-port=0');
  await start('kube-proxy', config('proxy.yaml'));
  return await start(
    'kubelet',
    config('kubelet.yaml'),
    kubeconfig('kubelet'),
    `--hostname-override=${name}`,
    `--node-ip=${address}`,
    '--root-dir=/var/lib/kubelet',
    '--cert-dir=/var/lib/kubelet/pki',
  );
}
