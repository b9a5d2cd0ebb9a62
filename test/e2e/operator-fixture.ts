import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Guest, GuestExecJob, GuestTask } from '../../src/api/resources.ts';
import { managerKubeconfig, missingRights } from '../harness/account.ts';
import { eventually } from '../harness/eventually.ts';
import { forgetGuests, sharedCluster, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';
import { sharedGuests } from '../harness/vitest/shared.ts';

export type JobSpec = GuestExecJob['spec'];

export interface OperatorFixture {
  manager(): OperatorProcess;
  agent(): OperatorProcess;
  /** What the agent has noted so far for its next life. */
  journal(): string;
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
    await forgetGuests();
    manager = await startManager({
      kubeconfig: await managerKubeconfig(sharedCluster(), folder('manager')),
      dir: folder(),
    });
    const libvirtUri = sharedHypervisor().uri;
    agent = await startAgent({ kubeconfig, dir: folder(), libvirtUri, nodeName, stateDir: folder() });
    await Promise.all([manager.waitReady(), agent.waitReady()]);
    // One by one: of several, kubectl gives up those that are not there when the first is.
    for (const { name } of sharedGuests) {
      const guest = [`guest/${name}`, '-n', namespace, '--timeout=60s'];
      await kubectl('wait', ...guest, '--for=create');
      await kubectl('wait', ...guest, '--for=condition=AgentConnected');
    }
  });
  afterAll(async () => {
    await Promise.all([manager?.stop(), agent?.stop()]);
    expect(await missingRights(manager)).toEqual([]);
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
    journal: () => readFileSync(join(folder(), 'journal.jsonl'), 'utf8'),
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
