import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { harnessPaths } from '../paths.ts';

export interface NodeFiles {
  dir: string;
  address: string;
  name: string;
  /** The certificate authority that the kubelet's clients come with a certificate of. */
  ca: string;
}

/** A pod network of its own, routed by the node that has all of it. */
const podNetwork = '10.124.0.0/16';
const dnsDomain = 'cluster.local';
export const pauseImage = 'localhost/pause:1';

/**
 * `restrict_oom_score_adj`: without CAP_SYS_RESOURCE, as in a container, nobody may lower it, and no pod would start.
 * The snapshots and images are in /var/lib/containerd, which is one of the node's own folders.
 */
function containerd(plugins: string): string {
  return `version = 2
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "/etc/cni/net.d"
`;
}

const network = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods',
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: podNetwork }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

/** Writes what containerd, the kubelet and kube-proxy read. */
export async function writeNodeConfiguration(files: NodeFiles): Promise<void> {
  const etc = join(files.dir, 'etc');
  await mkdir(join(etc, 'cni/net.d'), { recursive: true });
  await writeFile(join(etc, 'containerd.toml'), containerd(join(harnessPaths().containerRuntime, 'usr/lib/cni')));
  await writeFile(join(etc, 'cni/net.d/10-pods.conflist'), JSON.stringify(network));
  await writeFile(join(etc, 'resolv.conf'), '');
  await writeFile(join(etc, 'kubelet.yaml'), stringify(kubelet(files)));
  await writeFile(join(etc, 'proxy.yaml'), stringify(proxy(files)));
}

function kubelet({ dir, address, ca }: NodeFiles): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    authentication: { anonymous: { enabled: false }, x509: { clientCAFile: ca } },
    authorization: { mode: 'AlwaysAllow' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    clusterDomain: dnsDomain,
    resolvConf: join(dir, 'etc/resolv.conf'),
    podLogsDir: '/var/log/pods',
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    // A test machine's disk is as full as it is.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    // A pod that crashes is back at once: tests wait for it.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    featureGates: { KubeletCrashLoopBackOffMax: true },
    nodeStatusReportFrequency: '10s',
    shutdownGracePeriod: '0s',
  };
}

function proxy({ dir, name }: NodeFiles): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podNetwork,
    hostnameOverride: name,
    clientConnection: { kubeconfig: join(dir, 'kube-proxy.kubeconfig') },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}
