import { type GuestTask, guestTasks } from '../api/resources.ts';
import type { Journal, JournalEntry } from '../guest/journal.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import { actionNamed } from './actions/index.ts';
import type { FreezeKeeper } from './freeze-keeper.ts';
import type { GuestRegistry } from './guest-registry.ts';
import type { TaskOutcome } from './task-decision.ts';
import type { TaskRun } from './task-run.ts';

export interface TaskPartingOptions {
  cluster: Cluster;
  journal: Journal<TaskOutcome>;
  registry: GuestRegistry;
  freezes: FreezeKeeper;
  node: string;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  /** What carries the task out at the moment. */
  runOf(uid: string): TaskRun | undefined;
  /** A task was deleted that had begun something in the guest, and that has been ended; `how`: a sentence. */
  onDeletedEnded?(guestUid: string, how: string): void;
}

const askAgainMs = 1000;
const retryMs = 30_000;

/**
 * What becomes of tasks that are no longer among those of this node. Nobody waits for one whose object is gone, and what
 * it began in the guest is ended; one that followed its guest to another host is left to that one. A watch by node tells
 * the two apart no more than a list does: the API server is asked.
 */
export class TaskParting {
  readonly #options: TaskPartingOptions;

  constructor(options: TaskPartingOptions) {
    this.#options = options;
  }

  /** Goes on in the background until it is done. */
  part(uid: string, key: { namespace?: string | undefined; name: string }): void {
    this.#inBackground(uid, () => this.#part(uid, key), askAgainMs);
  }

  /** The same for those whose objects went while no agent looked. `uids`: those that this node has. */
  partFromAllBut(uids: ReadonlySet<string>): void {
    const { journal } = this.#options;
    for (const uid of journal.tasks()) {
      const entry = journal.get(uid);
      if (uids.has(uid) || !isOfTask(entry)) continue;
      const [namespace, name] = entry?.state === 'sending' ? (entry.task?.split('/') ?? []) : [];
      if (name === undefined) this.abandon(uid);
      else this.part(uid, { namespace, name });
    }
  }

  /** The journal need not remember it any longer. */
  forget(uid: string): void {
    this.#inBackground(uid, () => this.#options.journal.forget(uid));
  }

  async #part(uid: string, key: { namespace?: string | undefined; name: string }): Promise<void> {
    const { journal, freezes, node, runOf } = this.#options;
    const task = await this.#latest(uid, key);
    if (task?.spec.nodeName === node) return;
    const run = runOf(uid);
    if (!task) {
      if (run) run.deleted();
      else this.abandon(uid);
      // Somebody may have let go of it before, and its run hears of one end only.
      freezes.find(uid)?.end({ by: 'Deletion' });
      return;
    }
    run?.moved();
    const holder = freezes.find(uid);
    holder?.forsake();
    // What it holds here it lets go of by itself.
    await holder?.done;
    await journal.forget(uid);
  }

  /** The task as the API server has it; undefined when it is gone. */
  async #latest(uid: string, key: { namespace?: string | undefined; name: string }): Promise<GuestTask | undefined> {
    const { cluster, signal } = this.#options;
    try {
      const task = await cluster.get(guestTasks, key, { signal });
      return task.metadata.uid === uid ? task : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Ends what a task without an object may have begun, then forgets it. */
  abandon(uid: string): void {
    const { journal, registry, freezes, clock, logger, signal, onDeletedEnded } = this.#options;
    this.#inBackground(uid, async () => {
      const entry = journal.get(uid);
      const action = entry?.state === 'sending' ? actionNamed(entry.action) : undefined;
      if (entry?.state === 'sending' && action?.abandon) {
        const guest = registry.get(entry.guest);
        const note = (noted: unknown) => journal.record(uid, { ...entry, note: noted });
        await action.abandon(uid, { guest, sent: entry, note, freezes, clock, logger, stopped: signal });
        logger.info({ task: uid, domain: entry.guest }, 'what a deleted task had begun in its guest was ended');
        onDeletedEnded?.(entry.guest, `what the deleted task of UID ${uid} had begun here was ended`);
      }
      await journal.forget(uid);
    });
  }

  /** Nobody waits for it: what can't be done now, for a full disk perhaps, is tried again later. */
  #inBackground(uid: string, work: () => Promise<void>, againMs = retryMs): void {
    const { clock, logger, signal } = this.#options;
    work().catch((error: unknown) => {
      if (signal.aborted) return;
      logger.error({ err: error, task: uid }, 'a task that is gone could not be parted from: trying again');
      clock.after(againMs, () => this.#inBackground(uid, work, againMs));
    });
  }
}

/** The journal also keeps what is no task's. */
function isOfTask(entry: JournalEntry<TaskOutcome> | undefined): boolean {
  return entry?.state === 'ended' || (entry?.state === 'sending' && actionNamed(entry.action) !== undefined);
}
