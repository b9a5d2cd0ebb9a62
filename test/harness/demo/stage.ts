import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '../control-plane.ts';
import { type OwnedHypervisor, startHypervisor } from '../hypervisor.ts';
import { type OperatorProcess, startAgent, startManager } from '../operator.ts';
import type { Narrator } from './narrator.ts';

const repository = join(import.meta.dirname, '../../..');

export const demoGuests = [
  { name: 'web-1', labels: { fleet: 'demo', app: 'web' } },
  { name: 'web-2', labels: { fleet: 'demo', app: 'web' } },
  { name: 'db-1', labels: { fleet: 'demo', app: 'db' } },
] as const;

/** Everything the demo runs on. */
export interface Stage {
  controlPlane: ControlPlane;
  hypervisor: OwnedHypervisor;
  /** Ends every process; `dir` keeps their logs. */
  stop(): Promise<void>;
}

/** Starts cluster, hypervisor, three guests, manager and agent in `dir`, which is emptied first. */
export async function raiseStage(dir: string, { say, step, show }: Narrator, signal: AbortSignal): Promise<Stage> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const started: { stop(): Promise<void> }[] = [];
  async function stop(): Promise<void> {
    for (const part of started.toReversed()) await part.stop();
  }
  async function keep<T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> {
    started.push(await part);
    signal.throwIfAborted();
    return part;
  }
  try {
    const hypervisor = await step('starting a libvirtd of its own, apart from any that this machine has', () =>
      keep(startHypervisor({ dir: join(dir, 'hv'), signal })),
    );
    await step(`switching on three emulated guests: ${demoGuests.map((guest) => guest.name).join(', ')}`, () =>
      Promise.all(demoGuests.map((guest) => hypervisor.defineGuest(guest))),
    );
    // Kinds before the controller manager: what its garbage collector doesn't know from the start it learns slowly.
    const controlPlane = await step('starting etcd and kube-apiserver', () =>
      keep(startControlPlane({ dir: join(dir, 'cp'), controllerManager: false, signal })),
    );
    await show('kubectl apply -f crds/', () => controlPlane.kubectl('apply', '-f', join(repository, 'crds')));
    await controlPlane.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
    await controlPlane.kubectl('create', 'namespace', 'qga-system');
    say('');
    await step('starting kube-controller-manager', () => controlPlane.startControllerManager());
    await step('starting qga-operator manager and qga-operator agent', async () => {
      for (const part of await startOperator(dir, controlPlane, hypervisor, keep)) await part.waitReady();
    });
    await step("waiting until the guests' agents answer", async () => {
      const names = demoGuests.map((guest) => `guest/${guest.name}`);
      for (const name of names) await controlPlane.kubectl('wait', '--for=create', name, '--timeout=30s');
      await controlPlane.kubectl('wait', '--for=condition=AgentConnected', ...names, '--timeout=90s');
    });
    return { controlPlane, hypervisor, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOperator(
  dir: string,
  { kubeconfig }: ControlPlane,
  { uri }: OwnedHypervisor,
  keep: (part: Promise<OperatorProcess>) => Promise<OperatorProcess>,
): Promise<OperatorProcess[]> {
  const manager = await keep(startManager({ kubeconfig, dir }));
  const agent = await keep(startAgent({ kubeconfig, dir, nodeName: 'hv1', libvirtUri: uri }));
  return [manager, agent];
}
