import { type Guest, type GuestTask, guestTasks } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { ObjectKey } from '../kube/objects.ts';

export interface TaskBinderOptions {
  cluster: Cluster;
  tasks: { get(key: ObjectKey): GuestTask | undefined };
  guests: { get(key: ObjectKey): Guest | undefined };
}

/** Binds tasks that people made to the node that runs their guest, as a scheduler binds pods. */
export class TaskBinder {
  readonly #options: TaskBinderOptions;

  constructor(options: TaskBinderOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const { cluster, tasks, guests } = this.#options;
    const task = tasks.get(key);
    if (!task || !needsBinding(task)) return;
    const guest = guests.get(`${task.metadata.namespace}/${task.spec.guestName}`);
    const { node, domain } = guest?.status ?? {};
    if (!node || !domain) {
      await this.#showMissing(task, signal);
      return;
    }
    const { resourceVersion } = task.metadata;
    const spec = { nodeName: node, guestUID: domain.uuid };
    await cluster.mergePatch(guestTasks, task.metadata, { metadata: { resourceVersion }, spec }, { signal });
  }

  async #showMissing(task: GuestTask, signal: AbortSignal): Promise<void> {
    const message = `there is no guest ${task.spec.guestName} in namespace ${task.metadata.namespace}: see kubectl get guests -A`;
    if (task.status?.message === message) return;
    const status = { ...task.status, phase: 'Pending' as const, reason: 'GuestNotFound', message };
    await this.#options.cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
  }
}

/** Made by a person, not yet bound, not yet over. */
export function needsBinding({ metadata, spec, status }: GuestTask): boolean {
  const phase = status?.phase ?? 'Pending';
  return spec.nodeName === undefined && phase === 'Pending' && metadata.deletionTimestamp === undefined;
}
