import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
  type Ports,
} from './control-plane/arguments.ts';
import { makeCredentials, writeKubeconfig } from './control-plane/credentials.ts';
import { freePorts } from './control-plane/ports.ts';
import { answersReady, saysReady } from './control-plane/readiness.ts';
import { eventually } from './eventually.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { harnessPaths } from './paths.ts';
import { inPlace, type Place, thisMachine } from './place.ts';
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
  /** Default: this machine's loopback. */
  place?: Place;
  signal?: AbortSignal;
}

/** A real etcd, kube-apiserver and kube-controller-manager, on loopback ports unless told otherwise. */
export interface ControlPlane extends Kubectl {
  readonly dir: string;
  /** The same after a restart. */
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
  const { dir, controllerManager: withControllerManager = true, manifests = [], place = thisMachine, signal } = options;
  await mkdir(dir, { recursive: true });
  const [credentials, ports] = await Promise.all([makeCredentials(join(dir, 'pki'), place.address), keptPorts(dir)]);
  const url = `https://${place.address}:${ports.apiServer}`;
  const kubeconfig = join(dir, 'kubeconfig');
  const controllerManagerConfig = join(dir, 'controller-manager.kubeconfig');
  await writeKubeconfig(kubeconfig, url, credentials.ca, credentials.admin);
  await writeKubeconfig(controllerManagerConfig, url, credentials.ca, credentials.controllerManager);
  const kubectl = createKubectl(kubeconfig, place.enter);

  let etcd: Service | undefined;
  let apiServer: Service | undefined;
  let controllerManager: Service | undefined;

  async function startEtcd(): Promise<void> {
    etcd = await startComponent(dir, place, 'etcd', etcdArguments(dir, ports));
  }
  async function startApiServer(): Promise<void> {
    const args = [...apiServerArguments(credentials, ports, place), ...(options.apiServerArguments ?? [])];
    const service = await startComponent(dir, place, 'kube-apiserver', args);
    apiServer = service;
    const probe = place === thisMachine ? () => answersReady(url, credentials) : () => saysReady(kubectl);
    await untilReady(service, probe, signal);
  }
  async function startControllerManager(): Promise<void> {
    const args = controllerManagerArguments(credentials, controllerManagerConfig);
    controllerManager = await startComponent(dir, place, 'kube-controller-manager', args);
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

async function startComponent(dir: string, place: Place, name: string, args: readonly string[]): Promise<Service> {
  const program = join(harnessPaths().controlPlane, name);
  return startService({ name, ...inPlace(place.enter, program, args), logFile: join(dir, `${name}.log`) });
}

async function untilReady(
  apiServer: Service,
  probe: () => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<void> {
  async function ready(): Promise<boolean> {
    apiServer.assertRunning();
    return probe();
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
