import { afterAll, beforeAll } from 'vitest';
import { apiVersion, type GuestTask, guestTasks } from '../../src/api/resources.ts';
import type { GuestTaskSpec } from '../../src/api/schema/guest-task.ts';
import { isOverPhase } from '../../src/api/tasks.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster } from '../harness/fixtures.ts';
import { namespace } from './operator-fixture.ts';

export type TaskAction = GuestTaskSpec['action'];
export type TaskStatus = NonNullable<GuestTask['status']>;

export interface TaskFixture {
  /** Makes a task as a person does, for the manager to bind; answers its name. */
  create(guestName: string, action: TaskAction, more?: Partial<GuestTaskSpec>): Promise<string>;
  task(name: string): Promise<GuestTask>;
  /** The task once `test` holds of its status. */
  until(name: string, test: (status: TaskStatus) => boolean, timeoutMs?: number): Promise<TaskStatus>;
  ended(name: string, timeoutMs?: number): Promise<TaskStatus>;
  /** Makes a task and answers its end. */
  run(guestName: string, action: TaskAction, timeoutMs?: number): Promise<TaskStatus>;
  /** Sets `spec.release`. */
  release(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** GuestTasks made by hand on the shared cluster, their names beginning with `prefix`. */
export function useTasks(prefix: string): TaskFixture {
  const { kubeconfig } = sharedCluster();
  let cluster: HttpCluster;
  let made = 0;
  beforeAll(async () => {
    cluster = new HttpCluster({ endpoint: await loadEndpoint(kubeconfig, systemClock), random: systemRandom.next });
  });
  afterAll(() => cluster?.close());

  const task = (name: string) => cluster.get(guestTasks, { namespace, name });
  async function create(guestName: string, action: TaskAction, more: Partial<GuestTaskSpec> = {}): Promise<string> {
    const name = `${prefix}-${++made}`;
    const spec = { guestName, action, ...more };
    await cluster.create(guestTasks, { apiVersion, kind: 'GuestTask', metadata: { name, namespace }, spec });
    return name;
  }
  async function until(name: string, test: (status: TaskStatus) => boolean, timeoutMs = 60_000): Promise<TaskStatus> {
    let last: GuestTask | undefined;
    const hint = () => JSON.stringify(last?.status, undefined, 1);
    const probe = async () => {
      last = await task(name);
      return last.status && test(last.status) ? last.status : undefined;
    };
    return await eventually(probe, { what: `task ${name}`, timeoutMs, hint });
  }
  const ended = (name: string, timeoutMs?: number) => until(name, ({ phase }) => isOverPhase(phase), timeoutMs);
  return {
    create,
    task,
    until,
    ended,
    run: async (guestName, action, timeoutMs) => await ended(await create(guestName, action), timeoutMs),
    async release(name) {
      await cluster.mergePatch(guestTasks, { namespace, name }, { spec: { release: true } }, {});
    },
    remove: (name) => cluster.delete(guestTasks, { namespace, name }, {}),
  };
}
