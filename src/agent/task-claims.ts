import { type GuestTask, guestTasks } from '../api/resources.ts';
import type { GuestTaskStatus } from '../api/schema/guest-task.ts';
import type { Cluster } from '../kube/cluster.ts';
import { uidOf } from '../kube/objects.ts';
import { type Clock, timestamp } from '../seams/clock.ts';

export interface TaskClaimsOptions {
  cluster: Cluster;
  journalId: string;
  node: string;
  /** This process. */
  instance: string;
  clock: Clock;
  signal: AbortSignal;
}

/** The claims of one agent, which the API server has before anything is sent to a guest. */
export class TaskClaims {
  readonly #options: TaskClaimsOptions;
  /** Tasks that are being claimed, by UID: who is missing here when the answer comes, has gone meanwhile. */
  readonly #underWay = new Set<string>();

  constructor(options: TaskClaimsOptions) {
    this.#options = options;
  }

  /**
   * Claims a task; answers it as the API server has it then, and undefined when it has gone meanwhile.
   *
   * `bootId`: the boot of the guest in which it may be started. `before`: what another host has told of it.
   */
  async claim(
    task: GuestTask,
    bootId: string | undefined,
    before: GuestTaskStatus | undefined,
  ): Promise<GuestTask | undefined> {
    const { cluster, clock, node, instance, journalId, signal } = this.#options;
    const uid = uidOf(task);
    const time = timestamp(clock.now());
    const { reason: _, message: __, ...told } = before ?? { phase: 'Claimed' as const, startTime: time };
    const claim = { node, instance, journal: journalId, ...(bootId !== undefined && { bootId }), time };
    const status: GuestTaskStatus = { ...told, observedGeneration: task.metadata.generation ?? 0, claim };
    this.#underWay.add(uid);
    try {
      const claimed = await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
      return this.#underWay.has(uid) ? claimed : undefined;
    } finally {
      this.#underWay.delete(uid);
    }
  }

  /** The task is no longer among those of this node. */
  gone(uid: string): void {
    this.#underWay.delete(uid);
  }
}
