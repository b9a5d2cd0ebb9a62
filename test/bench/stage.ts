import { join } from 'node:path';
import { apiVersion, guestExecJobs, guestTasks } from '../../src/api/resources.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import type { Narrator } from '../harness/demo/narrator.ts';
import { eventually } from '../harness/eventually.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { startHypervisor, type TestHypervisor } from '../harness/hypervisor.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';
import { baseManifests } from '../harness/vitest/shared.ts';

export const guestCount = 8;
/** What every guest is labelled with. */
export const fleet = { fleet: 'bench' } as const;

/** What the chart starts agents with. */
const chartOptions = ['--max-old-space-size=160', '--max-semi-space-size=1'];

/** Everything that is measured. */
export interface Stage {
  readonly dir: string;
  readonly hypervisor: TestHypervisor;
  readonly guests: readonly TestGuest[];
  readonly manager: OperatorProcess;
  readonly agent: OperatorProcess;
  /** As it runs now: `restartControlPlane` makes another. */
  controlPlane(): ControlPlane;
  /** Starts etcd and the API server again, on the same data, with further flags. */
  restartControlPlane(apiServerArguments: readonly string[]): Promise<void>;
  /** Deletes all jobs and their tasks. */
  removeJobs(): Promise<void>;
  /** Ends every process. */
  stop(): Promise<void>;
}

export interface StageOptions {
  dir: string;
  tell: Narrator;
  /** Where the programs leave a CPU profile as they end. */
  profileDir: string | undefined;
  signal: AbortSignal;
}

/** Starts cluster, hypervisor, guests, manager and agent; resolves when the agents of all guests answer. */
export async function raiseStage({ dir, tell: { step }, profileDir, signal }: StageOptions): Promise<Stage> {
  const started: { stop(): Promise<void> }[] = [];
  async function stop(): Promise<void> {
    for (const part of started.toReversed()) await part.stop();
  }
  async function keep<T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> {
    signal.throwIfAborted();
    started.push(await part);
    return part;
  }
  async function startCluster(apiServerArguments: readonly string[]): Promise<ControlPlane> {
    return startControlPlane({ dir: join(dir, 'cp'), manifests: baseManifests, apiServerArguments, signal });
  }
  try {
    const hypervisor = await step('starting libvirtd', () => keep(startHypervisor({ dir: join(dir, 'hv'), signal })));
    const names = Array.from({ length: guestCount }, (_, index) => `vm-${index + 1}`);
    const guests = await step(`booting ${guestCount} emulated guests`, async () => {
      const booting: TestGuest[] = [];
      for (const name of names) booting.push(await hypervisor.defineGuest({ name, labels: fleet }));
      await Promise.all(booting.map((guest) => guest.waitForAgent()));
      return booting;
    });
    let controlPlane = await step('starting the control plane', () => startCluster([]));
    started.push({ stop: () => controlPlane.stop() });
    const { kubeconfig } = controlPlane;
    const profiling = profileDir ? [`--cpu-prof --cpu-prof-interval 500 --cpu-prof-dir=${profileDir}`] : [];
    const options = (...own: string[]) => ({ NODE_OPTIONS: [...own, ...profiling].join(' ') });
    const [manager, agent] = await step('starting qga-operator manager and qga-operator agent', async () => {
      const both = [
        await keep(startManager({ kubeconfig, dir, env: options() })),
        await keep(
          startAgent({ kubeconfig, dir, env: options(...chartOptions), nodeName: 'hv1', libvirtUri: hypervisor.uri }),
        ),
      ] as const;
      for (const part of both) await part.waitReady();
      await eventually(() => allAnswer(controlPlane), {
        what: `the agents of ${guestCount} Guests to be connected`,
        timeoutMs: 60_000,
        signal,
      });
      return both;
    });
    return {
      dir,
      hypervisor,
      guests,
      manager,
      agent,
      controlPlane: () => controlPlane,
      async restartControlPlane(apiServerArguments) {
        await controlPlane.stop();
        controlPlane = await startCluster(apiServerArguments);
        for (const part of [manager, agent]) await part.waitReady();
      },
      async removeJobs() {
        const { kubectl } = controlPlane;
        // At once: the garbage collector would take half a minute over so many tasks.
        for (const { plural } of [guestExecJobs, guestTasks]) {
          await kubectl('delete', '--raw', `/apis/${apiVersion}/namespaces/default/${plural}`);
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function allAnswer({ kubectl }: ControlPlane): Promise<boolean> {
  const path = '{.items[*].status.conditions[?(@.type=="AgentConnected")].status}';
  const answers = await kubectl('get', 'guests', '-o', `jsonpath=${path}`);
  return answers.split(' ').filter((answer) => answer === 'True').length === guestCount;
}
