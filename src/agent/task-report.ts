import { isDeepStrictEqual } from 'node:util';
import { type GuestTask, guestTasks } from '../api/resources.ts';
import type { GuestTaskStatus } from '../api/schema/guest-task.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';

export interface TaskReportOptions {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

/** What a task's status may tell while its action is under way. */
export type Progress = Omit<Partial<GuestTaskStatus>, 'claim' | 'startTime' | 'completionTime'>;

/** What runs longer than this is shown as running: shorter actions cost no write for it. */
const showRunningAfterMs = 2000;
const retryMs = 2000;

/**
 * Tells in a task's status how its action fares. Writes go one after the other, what is said meanwhile makes one write,
 * what is said again none, and what could not be written is tried again until something newer is said or the action ends.
 */
export class TaskReport {
  readonly #options: TaskReportOptions;
  readonly #closed = new AbortController();
  readonly #cancel: () => void;
  #task: GuestTask;
  #pending: Progress | undefined;
  #writing: Promise<void> | undefined;

  constructor(task: GuestTask, options: TaskReportOptions) {
    this.#task = task;
    this.#options = options;
    this.#cancel = options.clock.after(showRunningAfterMs, () => {
      if (this.#task.status?.phase === 'Claimed' && !this.#pending) this.show({ phase: 'Running' });
    });
  }

  show(progress: Progress): void {
    if (this.#closed.signal.aborted) return;
    this.#pending = { ...this.#pending, ...progress };
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Says nothing further; the task as last written. */
  async close(): Promise<GuestTask> {
    this.#cancel();
    this.#closed.abort();
    await this.#writing;
    return this.#task;
  }

  async #write(): Promise<void> {
    const { cluster, clock, logger, signal } = this.#options;
    const until = AbortSignal.any([signal, this.#closed.signal]);
    while (this.#pending && !until.aborted) {
      const progress = this.#pending;
      this.#pending = undefined;
      try {
        const status: GuestTaskStatus = { ...this.#task.status, ...progress };
        if (isSame(status, this.#task.status)) continue;
        // Its own signal: a write that is on its way must come to its end before the outcome's.
        this.#task = await cluster.replaceStatus(guestTasks, { ...this.#task, status }, { signal });
      } catch (error) {
        if (isNotFound(error) || signal.aborted) return;
        this.#pending = Object.assign({}, progress, this.#pending);
        if (isConflict(error)) await this.#readAnew();
        else {
          logger.warn(
            { err: error, task: this.#task.metadata.uid },
            'a task’s progress could not be told: trying again',
          );
          await clock.sleep(retryMs, until).catch(() => {});
        }
      }
    }
  }

  async #readAnew(): Promise<void> {
    const { cluster, signal } = this.#options;
    try {
      const fresh = await cluster.get(guestTasks, this.#task.metadata, { signal });
      if (fresh.metadata.uid !== this.#task.metadata.uid) return;
      // It has followed its guest to another host, and is that one's to report on.
      if (fresh.spec.nodeName === this.#task.spec.nodeName) this.#task = fresh;
      else this.#closed.abort();
    } catch (error) {
      this.#options.logger.debug({ err: error, task: this.#task.metadata.uid }, 'a task could not be read');
    }
  }
}

/** Whether both are the same once they are written: JSON has no undefined. */
function isSame(status: GuestTaskStatus, written: GuestTaskStatus | undefined): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(status)), written);
}
