import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Credentials, makeCredentials, writeKubeconfig } from './control-plane/credentials.ts';
import { freePorts } from './control-plane/ports.ts';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
  type Ports,
} from './control-plane/arguments.ts';
import { answersReady } from './control-plane/readiness.ts';
import { eventually } from './eventually.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { harnessPaths } from './paths.ts';
import { type Service, startService } from './service.ts';

export interface ControlPlaneOptions {
  /** Holds certificates, etcd's data, logs and the kubeconfig. Data of an earlier start is taken up again. */
  dir: string;
  /** Garbage collection, namespace deletion and service accounts come from it. Default true. */
  controllerManager?: boolean;
  /**
   * Manifest files or folders applied before the controller manager starts. Definitions of kinds belong here: its
   * garbage collector learns of kinds that appear later only after up to half a minute.
   */
  manifests?: readonly string[];
  /** Further kube-apiserver flags, for instance an audit log. */
  apiServerArguments?: readonly string[];
  signal?: AbortSignal;
}

/** A real etcd, kube-apiserver and kube-controller-manager on loopback ports. */
export interface ControlPlane extends Kubectl {
  readonly dir: string;
  /** `https://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  /** The certificate authority's file: for clients made with a token instead of the kubeconfig. */
  readonly caFile: string;
  /** Process ids of what runs now. */
  pids(): { etcd?: number; apiServer?: number; controllerManager?: number };
  killEtcd(signal?: NodeJS.Signals): Promise<void>;
  startEtcd(): Promise<void>;
  /** SIGKILL unless told otherwise: no request is finished, watches break off. SIGSTOP makes it hang, SIGCONT go on. */
  killApiServer(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when it is ready. */
  startApiServer(): Promise<void>;
  killControllerManager(signal?: NodeJS.Signals): Promise<void>;
  startControllerManager(): Promise<void>;
  /** Ends all three at once; the data stays in `dir`. */
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;

/** Starts a control plane; resolves in about three seconds when its API is ready to serve. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { dir, controllerManager: withControllerManager = true, manifests = [], signal } = options;
  await mkdir(dir, { recursive: true });
  const [credentials, ports] = await Promise.all([makeCredentials(join(dir, 'pki')), keptPorts(dir)]);
  const url = `https://127.0.0.1:${ports.apiServer}`;
  const kubeconfig = join(dir, 'kubeconfig');
  const controllerManagerConfig = join(dir, 'controller-manager.kubeconfig');
  await writeKubeconfig(kubeconfig, url, credentials.ca, credentials.admin);
  await writeKubeconfig(controllerManagerConfig, url, credentials.ca, credentials.controllerManager);
  const kubectl = createKubectl(kubeconfig);

  let etcd: Service | undefined;
  let apiServer: Service | undefined;
  let controllerManager: Service | undefined;

  async function startEtcd(): Promise<void> {
    etcd = await startComponent(dir, 'etcd', etcdArguments(dir, ports));
  }
  async function startApiServer(): Promise<void> {
    const args = [...apiServerArguments(credentials, ports), ...(options.apiServerArguments ?? [])];
    const service = await startComponent(dir, 'kube-apiserver', args);
    apiServer = service;
    await untilReady(service, url, credentials, signal);
  }
  async function startControllerManager(): Promise<void> {
    const args = controllerManagerArguments(credentials, controllerManagerConfig);
    controllerManager = await startComponent(dir, 'kube-controller-manager', args);
  }
  async function stop(): Promise<void> {
    await Promise.all([controllerManager?.kill(), apiServer?.kill(), etcd?.kill()]);
  }

  try {
    await startEtcd();
    await startApiServer();
    for (const manifest of manifests) await kubectl.applyFile(manifest);
    if (withControllerManager) await startControllerManager();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    ...kubectl,
    dir,
    url,
    caFile: credentials.ca,
    pids: () => ({
      ...(etcd?.running() && { etcd: etcd.pid }),
      ...(apiServer?.running() && { apiServer: apiServer.pid }),
      ...(controllerManager?.running() && { controllerManager: controllerManager.pid }),
    }),
    killEtcd: async (reason) => etcd?.kill(reason),
    startEtcd,
    killApiServer: async (reason) => apiServer?.kill(reason),
    startApiServer,
    killControllerManager: async (reason) => controllerManager?.kill(reason),
    startControllerManager,
    stop,
  };
}

async function startComponent(dir: string, name: string, args: readonly string[]): Promise<Service> {
  return startService({
    name,
    command: join(harnessPaths().controlPlane, name),
    args,
    logFile: join(dir, `${name}.log`),
  });
}

async function untilReady(
  apiServer: Service,
  url: string,
  credentials: Credentials,
  signal: AbortSignal | undefined,
): Promise<void> {
  async function ready(): Promise<boolean> {
    apiServer.assertRunning();
    return answersReady(url, credentials);
  }
  await eventually(ready, {
    what: 'kube-apiserver to be ready',
    timeoutMs: startTimeoutMs,
    signal,
    hint: () => apiServer.logTail(),
  });
}

/** The ports of an earlier start in the same folder, so that a kubeconfig stays true, or fresh ones. */
async function keptPorts(dir: string): Promise<Ports> {
  const file = join(dir, 'ports.json');
  if (existsSync(file)) {
    const kept: Ports = JSON.parse(await readFile(file, 'utf8'));
    return kept;
  }
  const [etcd = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3);
  const ports = { etcd, etcdPeer, apiServer };
  await writeFile(file, JSON.stringify(ports));
  return ports;
}
