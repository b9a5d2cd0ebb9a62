import { type GuestExecJob, type GuestTask, guestTasks, ownerUidLabel } from '../../api/resources.ts';
import type { GuestResult } from '../../api/schema/guest-exec-job.ts';
import type { Cluster } from '../../kube/cluster.ts';
import { isNotFound } from '../../kube/errors.ts';
import { outputOf, type TaskOutput } from './task-output.ts';

/** What one guest's last attempt printed. */
export type GuestOutput = TaskOutput & { guest: string };

/** What a guest's last attempt printed; nothing where it never got as far. */
export async function outputOfGuest(
  cluster: Pick<Cluster, 'get'>,
  { metadata }: GuestExecJob,
  { name, taskName }: GuestResult,
  signal: AbortSignal,
): Promise<GuestOutput> {
  const task = taskName === undefined ? undefined : await taskOf(cluster, metadata.namespace, taskName, signal);
  return { guest: name, ...(await outputOf(cluster, task, signal)) };
}

async function taskOf(
  cluster: Pick<Cluster, 'get'>,
  namespace: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<GuestTask | undefined> {
  try {
    return await cluster.get(guestTasks, { namespace, name }, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The last attempt's task of each guest, by the guests' names: also of those that a job's status has no room for. */
export async function lastTasks(
  cluster: Pick<Cluster, 'list'>,
  { metadata }: GuestExecJob,
  signal: AbortSignal,
): Promise<GuestTask[]> {
  const labelSelector = `${ownerUidLabel}=${metadata.uid}`;
  const { items } = await cluster.list(guestTasks, { namespace: metadata.namespace, labelSelector, signal });
  const last = new Map<string, GuestTask>();
  for (const task of items.toSorted((a, b) => (a.spec.attempt ?? 0) - (b.spec.attempt ?? 0))) {
    last.set(task.spec.guestName, task);
  }
  return [...last.values()].toSorted((a, b) => (a.spec.guestName < b.spec.guestName ? -1 : 1));
}
