import { type GuestTask, guestTasks, releasedByOwnerAnnotation } from '../api/resources.ts';
import { isOverPhase } from '../api/tasks.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import type { GivenUp } from './task-fate.ts';

export interface OwnedTasksOptions {
  cluster: Cluster;
  /** What kind of object made them. */
  owners: Resource<KubeObject>;
  /** What the cache shows of an object's tasks. */
  cached(owner: KubeObject): GuestTask[];
  clock: Clock;
}

type SpecChange = Pick<GuestTask['spec'], 'freezeAt' | 'release'>;

/** What was made and is not in the cache by then was deleted. */
const arrivesWithinMs = 30_000;

/** The tasks that one object made. What was just written counts, though the cache may not show it yet. */
export class OwnedTasks {
  readonly #options: OwnedTasksOptions;
  /** By the task's name; `at` on the monotonic clock. */
  readonly #made = new Map<string, { task: GuestTask; at: number }>();
  readonly #changed = new Map<string, SpecChange>();
  /** The names of all that were made, or may have been. */
  readonly #names = new Set<string>();
  #ownerSeen: Promise<void> | undefined;

  constructor(options: OwnedTasksOptions) {
    this.#options = options;
  }

  of(owner: KubeObject): GuestTask[] {
    const cached = this.#options.cached(owner);
    const now = this.#options.clock.monotonic();
    for (const task of cached) this.#made.delete(task.metadata.name);
    for (const [name, { at }] of this.#made) if (now - at > arrivesWithinMs) this.#made.delete(name);
    return [...cached, ...[...this.#made.values()].map(({ task }) => task)].map((task) => {
      const change = this.#changed.get(task.metadata.name);
      return change ? { ...task, spec: { ...task.spec, ...change } } : task;
    });
  }

  /**
   * Makes a task, unless its owner is gone: then it rejects with `NotFound`. A cache may lag behind, and to it an owner
   * that was deleted is still there while its collected tasks were never made: they would be made, and run, once more.
   * So the API server is asked before this process makes its first one, and before it makes one again.
   */
  async make(task: GuestTask, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    if (this.#names.has(task.metadata.name)) this.#ownerSeen = undefined;
    this.#names.add(task.metadata.name);
    this.#ownerSeen ??= this.#lookForOwner(task, signal);
    try {
      await this.#ownerSeen;
    } catch (error) {
      this.#ownerSeen = undefined;
      throw error;
    }
    let made = task;
    try {
      made = await cluster.create(guestTasks, task, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    this.#made.set(task.metadata.name, { task: made, at: clock.monotonic() });
  }

  async #lookForOwner({ metadata }: GuestTask, signal: AbortSignal): Promise<void> {
    const { cluster, owners } = this.#options;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller);
    if (!owner) throw new TypeError('an owned task names its owner');
    const found = await cluster.get(owners, { namespace: metadata.namespace, name: owner.name }, { signal });
    if (found.metadata.uid === owner.uid) return;
    throw new ApiError(404, 'NotFound', `the ${owner.kind} ${owner.name} is another one than the task's`);
  }

  async change({ metadata }: GuestTask, spec: SpecChange, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.cluster.mergePatch(guestTasks, metadata, { spec }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#changed.set(metadata.name, { ...this.#changed.get(metadata.name), ...spec });
  }

  /**
   * Lets a task's guest go, and notes on the task that it was its owner who did: on the condition that nobody else had,
   * by a release or a deletion that the cache may not show yet.
   */
  async letGo(task: GuestTask, signal: AbortSignal): Promise<void> {
    const { cluster } = this.#options;
    const { metadata } = task;
    const annotations = { [releasedByOwnerAnnotation]: 'true' };
    try {
      for (let seen = task; !isLetGo(seen); seen = await cluster.get(guestTasks, metadata, { signal })) {
        const { resourceVersion } = seen.metadata;
        const patch = { metadata: { resourceVersion, annotations }, spec: { release: true } };
        if (await unlessConflict(cluster.mergePatch(guestTasks, metadata, patch, { signal }))) break;
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#changed.set(metadata.name, { ...this.#changed.get(metadata.name), release: true });
  }

  /** On behalf of an agent that is gone. Conditional on what was seen: one that is not gone after all wins. */
  async giveUp({ task, phase, reason, message }: GivenUp, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    const now = clock.now();
    const conditions = setCondition(
      task.status?.conditions ?? [],
      { type: 'Failed', status: 'True', reason, message },
      now,
    );
    const status = { ...task.status, phase, reason, message, completionTime: timestamp(now), conditions };
    try {
      await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}

/** Whether its agent lets go of it already. */
function isLetGo({ metadata, spec, status }: GuestTask): boolean {
  return spec.release === true || metadata.deletionTimestamp !== undefined || isOverPhase(status?.phase);
}

/** Undefined where the object is not what it was when it was read. */
async function unlessConflict<T>(patched: Promise<T>): Promise<T | undefined> {
  try {
    return await patched;
  } catch (error) {
    if (!isConflict(error)) throw error;
    return undefined;
  }
}
