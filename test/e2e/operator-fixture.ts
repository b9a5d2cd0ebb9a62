import { afterAll, beforeAll } from 'vitest';
import type { Guest, GuestExecJob, GuestTask } from '../../src/api/resources.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';

export type JobSpec = Omit<GuestExecJob['spec'], 'parallelism' | 'startingDeadlineSeconds'> &
  Partial<GuestExecJob['spec']>;

export interface OperatorFixture {
  manager(): OperatorProcess;
  agent(): OperatorProcess;
  /** Creates a GuestExecJob and answers its name. */
  create(spec: JobSpec): Promise<string>;
  job(name: string): Promise<GuestExecJob>;
  tasksOf(jobName: string): Promise<GuestTask[]>;
  guest(name: string): Promise<Guest>;
  /** The job once `test` holds of it. */
  until(name: string, test: (job: GuestExecJob) => boolean, timeoutMs?: number): Promise<GuestExecJob>;
  /** The job once it is Complete or Failed. */
  ended(name: string, timeoutMs?: number): Promise<GuestExecJob>;
}

export const namespace = 'team-a';

/** A manager and an agent of their own for the calling file, on the shared cluster and hypervisor. */
export function useOperator(nodeName: string): OperatorFixture {
  const folder = testFolder();
  let manager: OperatorProcess;
  let agent: OperatorProcess;
  let jobs = 0;

  beforeAll(async () => {
    const { kubeconfig } = sharedCluster();
    manager = await startManager({ kubeconfig, dir: folder() });
    agent = await startAgent({ kubeconfig, dir: folder(), libvirtUri: sharedHypervisor().uri, nodeName });
    await Promise.all([manager.waitReady(), agent.waitReady()]);
  });
  afterAll(async () => {
    await Promise.all([manager?.stop(), agent?.stop()]);
  });

  const { apply, kubectl, get } = sharedCluster();
  async function until(name: string, test: (job: GuestExecJob) => boolean, timeoutMs = 60_000): Promise<GuestExecJob> {
    let last: GuestExecJob | undefined;
    return await eventually(
      async () => {
        last = await get<GuestExecJob>('guestexecjob', name, namespace);
        return test(last) ? last : undefined;
      },
      { what: `job ${name}`, timeoutMs, intervalMs: 100, hint: () => JSON.stringify(last?.status, undefined, 1) },
    );
  }
  return {
    manager: () => manager,
    agent: () => agent,
    async create(spec) {
      const name = `${nodeName}-${++jobs}`;
      await apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'GuestExecJob', metadata: { name, namespace }, spec });
      return name;
    },
    job: (name) => get('guestexecjob', name, namespace),
    async tasksOf(jobName) {
      const list: { items: GuestTask[] } = JSON.parse(
        await kubectl('get', 'guesttasks', '-n', namespace, '-o', 'json'),
      );
      return list.items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === jobName);
    },
    guest: (name) => get('guest', name, namespace),
    until,
    ended: (name, timeoutMs) => until(name, ({ status }) => status?.completionTime !== undefined, timeoutMs),
  };
}
