import { hasReferences } from '../api/action-inputs.ts';
import { type Guest, type GuestTask, guestTasks } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { ObjectKey } from '../kube/objects.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { Fleet } from './fleet.ts';
import { isInputProblem, type TaskInputs } from './task-inputs.ts';
import { needsBinding, needsSealing, newNodeOf } from './task-readiness.ts';
import { sealTask } from './task-sealer.ts';

export interface TaskBinderOptions {
  cluster: Cluster;
  inputs: TaskInputs;
  fleet: Pick<Fleet, 'tasks' | 'guests' | 'sealingKeyOf'>;
}

/** What a task waits for is looked at again this often. */
const lookAgainMs = 5000;

/**
 * Binds tasks that people made to the node that runs their guest, as a scheduler binds pods, and binds every open task
 * anew whose guest has moved. Seals what they take from Secrets to the node's key; anew where that is another one now.
 */
export class TaskBinder {
  readonly #options: TaskBinderOptions;

  constructor(options: TaskBinderOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { fleet } = this.#options;
    const task = fleet.tasks.cache.get(key);
    if (!task) return {};
    const newNode = newNodeOf(task, this.#guestOf(task));
    if (newNode !== undefined) {
      await this.#move(task, newNode, signal);
      return {};
    }
    if (!needsBinding(task) && !needsSealing(task)) return {};
    const bound = this.#bound(task);
    if (!bound) {
      const { guestName } = task.spec;
      const message = `there is no guest ${guestName} in namespace ${task.metadata.namespace}: see kubectl get guests -A`;
      await this.#showWaiting(task, 'GuestNotFound', message, signal);
      return {};
    }
    if (!hasReferences(task.spec.action)) {
      await this.#patch(bound, signal);
      return {};
    }
    const sealingKey = fleet.sealingKeyOf(bound.spec.nodeName ?? '');
    if (!sealingKey) {
      await this.#showWaiting(task, 'NoSealingKey', noSealingKey(bound.spec.nodeName), signal);
      return { requeueAfterMs: lookAgainMs };
    }
    return await this.#seal(bound, sealingKey, signal);
  }

  async #seal(task: GuestTask, sealingKey: SealingKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    // Its status is behind, or the host's: nothing would change.
    if (task.spec.sealed?.keyId === sealingKey.id) return { requeueAfterMs: lookAgainMs };
    const { metadata, spec } = task;
    const inputs = await this.#options.inputs.read(metadata.namespace ?? '', spec.action, { signal });
    if (isInputProblem(inputs)) {
      await this.#showWaiting(task, inputs.reason, inputs.message, signal);
      return { requeueAfterMs: lookAgainMs };
    }
    await this.#patch(await sealTask(task, inputs, sealingKey), signal);
    return {};
  }

  /** The task with its guest's node and domain; undefined while there is no such guest. */
  #bound(task: GuestTask): GuestTask | undefined {
    if (task.spec.nodeName !== undefined && task.spec.guestUID !== undefined) return task;
    const { node, domain } = this.#guestOf(task)?.status ?? {};
    if (!node || !domain) return undefined;
    return { ...task, spec: { ...task.spec, nodeName: node, guestUID: domain.uuid } };
  }

  #guestOf({ metadata, spec }: GuestTask): Guest | undefined {
    return this.#options.fleet.guests.cache.get(`${metadata.namespace}/${spec.guestName}`);
  }

  /** The agent of the new node finds out how far the other's has come, and asks for what it can't open to be sealed anew. */
  async #move({ metadata, spec }: GuestTask, nodeName: string, signal: AbortSignal): Promise<void> {
    const { resourceVersion } = metadata;
    const moves = (spec.moves ?? 0) + 1;
    const patch = { metadata: { resourceVersion }, spec: { nodeName, moves } };
    await this.#options.cluster.mergePatch(guestTasks, metadata, patch, { signal });
  }

  async #patch({ metadata, spec }: GuestTask, signal: AbortSignal): Promise<void> {
    const { resourceVersion } = metadata;
    const { nodeName, guestUID, sealed } = spec;
    const patch = { metadata: { resourceVersion }, spec: { nodeName, guestUID, ...(sealed && { sealed }) } };
    await this.#options.cluster.mergePatch(guestTasks, metadata, patch, { signal });
  }

  async #showWaiting(task: GuestTask, reason: string, message: string, signal: AbortSignal): Promise<void> {
    if (task.status?.reason === reason && task.status.message === message) return;
    const status = { ...task.status, phase: task.status?.phase ?? ('Pending' as const), reason, message };
    await this.#options.cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
  }
}

/** What to do about a host that nothing can be sealed for. */
export function noSealingKey(node: string | undefined): string {
  return `host ${node} has published no key that Secrets could be sealed to: its agent is too old, or its sealing-key file is damaged`;
}
