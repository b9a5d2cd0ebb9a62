import { join } from 'node:path';
import { loopback, type Place } from '../place.ts';
import type { Credentials } from './credentials.ts';

/** Loopback ports, one per listener. */
export interface Ports {
  etcd: number;
  etcdPeer: number;
  apiServer: number;
}

/** Without fsync: a test's cluster need not survive a power cut, and Kubernetes writes often. */
export function etcdArguments(dir: string, ports: Ports): string[] {
  const client = `http://${loopback}:${ports.etcd}`;
  const peer = `http://${loopback}:${ports.etcdPeer}`;
  return [
    `--data-dir=${join(dir, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** `endpoint-reconciler-type=none`: it would refuse to publish a loopback address as the `kubernetes` service. */
export function apiServerArguments(credentials: Credentials, ports: Ports, { address }: Place): string[] {
  return [
    `--etcd-servers=http://${loopback}:${ports.etcd}`,
    `--secure-port=${ports.apiServer}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    ...(address === loopback ? ['--endpoint-reconciler-type=none'] : []),
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    '--profiling=false',
    `--client-ca-file=${credentials.ca}`,
    `--tls-cert-file=${credentials.apiServer.certificate}`,
    `--tls-private-key-file=${credentials.apiServer.key}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${credentials.serviceAccountKey}`,
    `--service-account-key-file=${credentials.serviceAccountKey}`,
  ];
}

export function controllerManagerArguments(credentials: Credentials, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--secure-port=0',
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${credentials.serviceAccountKey}`,
    `--root-ca-file=${credentials.ca}`,
  ];
}
