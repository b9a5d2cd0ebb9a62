import { type Guest, type GuestTask, guestTasks } from '../api/resources.ts';
import type { GuestTaskStatus } from '../api/schema/guest-task.ts';
import { type ExecEnd, runExec } from '../guest/exec-run.ts';
import type { Journal } from '../guest/journal.ts';
import type { Cluster } from '../kube/cluster.ts';
import { keyOf, type ObjectKey } from '../kube/objects.ts';
import type { Logger } from '../observability/log.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import { outcomeOfEnd } from './exec-outcome.ts';
import { execBlocked, obstacleOf } from './guest-obstacle.ts';
import { type GuestRegistry, type LiveGuest, youngMs } from './guest-registry.ts';
import { decideTask, isTaskOver, type TaskOutcome } from './task-decision.ts';
import { deliver, withOutcome } from './task-delivery.ts';
import { DeadlineReached, deadlineOf, noticeRunning, Pauses } from './task-timers.ts';

export interface TaskExecutorOptions {
  cluster: Cluster;
  journal: Journal<TaskOutcome>;
  registry: GuestRegistry;
  /** The Guest of that name, if this node runs it. */
  guestOf(key: ObjectKey): Guest | undefined;
  node: string;
  /** This process. */
  instance: string;
  clock: Clock;
  logger: Logger;
  /** Ends every wait; what runs in guests is found again by the next process. */
  signal: AbortSignal;
  /** Asks for another look at a task. */
  lookAgain(task: GuestTask, afterMs: number): void;
  onEnded?(outcome: TaskOutcome, seconds: number): void;
}

/** Files of so many delivered runs are removed by one later launcher. */
const dropAtOnce = 8;
const retryMs = 1000;

class TaskDeleted extends Error {}

/**
 * Carries out this node's tasks.
 *
 * INVARIANTS: a guest is touched only after the claim is in the API server and the intent on the disk; an outcome is on
 * the disk before it is written to the API server; one process runs a task once.
 */
export class TaskExecutor {
  readonly #options: TaskExecutorOptions;
  readonly #runs = new Map<string, { abort: AbortController; done: Promise<void> }>();
  /** Delivered tasks whose end the cache does not show yet: it must not be taken for news. */
  readonly #delivered = new Set<string>();
  readonly #pauses: Pauses;

  constructor(options: TaskExecutorOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.clock);
  }

  /** Does what is next for one task, as last seen; returns when to look again at the latest. */
  async reconcile(task: GuestTask): Promise<{ requeueAfterMs?: number }> {
    const { journal, registry, clock, node, guestOf } = this.#options;
    const uid = uidOf(task);
    if (this.#runs.has(uid) || task.spec.guestUID === undefined || task.spec.nodeName !== node) return {};
    if (this.#delivered.has(uid)) {
      if (isTaskOver(task)) this.#delivered.delete(uid);
      return {};
    }
    const pausedMs = this.#pauses.left(uid);
    if (pausedMs > 0) return { requeueAfterMs: pausedMs };
    const guest = registry.get(task.spec.guestUID);
    // The domains of this host have not been listed yet: soon they are.
    if (guest.domain === undefined && registry.connected && guestOf(guestKeyOf(task))) return {};
    const obstacle = obstacleOf(task, guestOf(guestKeyOf(task)), guest, registry.connected);
    const decision = decideTask({
      task,
      entry: journal.get(uid),
      journalId: journal.id,
      guest: { obstacle, full: guest.isFull(clock.monotonic()) },
      now: clock.now(),
    });
    switch (decision.do) {
      case 'nothing':
        return {};
      case 'forget':
        await journal.forget(uid);
        return {};
      case 'deliver':
        this.#track(task, (signal) => this.#deliver(task, decision.outcome, signal));
        return {};
      case 'end':
        await this.#endUntouched(task, decision);
        return {};
      case 'wait':
        await this.#showWaiting(task, decision.reason, decision.message);
        return decision.lookAgainMs === undefined ? {} : { requeueAfterMs: decision.lookAgainMs };
      case 'claim':
        guest.running.set(uid, clock.monotonic());
        try {
          this.#start(await this.#claim(task), guest, undefined);
        } catch (error) {
          guest.running.delete(uid);
          throw error;
        }
        return {};
      case 'run':
        guest.running.set(uid, clock.monotonic());
        this.#start(task, guest, decision.sentBefore);
        return {};
    }
  }

  /** The task's object is gone: nobody waits for it any more. What runs in the guest goes on. */
  deleted(task: GuestTask): void {
    const uid = uidOf(task);
    this.#pauses.forget(uid);
    this.#delivered.delete(uid);
    this.#runs.get(uid)?.abort.abort(new TaskDeleted());
    if (!this.#runs.has(uid)) this.#inBackground(this.#options.journal.forget(uid), uid);
  }

  /** Tasks whose objects went while no agent looked leave nothing behind. `uids`: those that there are. */
  forgetAllBut(uids: ReadonlySet<string>): void {
    const { journal } = this.#options;
    const gone = [...journal.tasks()].filter((uid) => !uids.has(uid) && !this.#runs.has(uid));
    for (const uid of gone) this.#inBackground(journal.forget(uid), uid);
  }

  /** Resolves when nothing is under way any more; abort the signal first. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#runs.values()].map(({ done }) => done));
  }

  async #claim(task: GuestTask): Promise<GuestTask> {
    const { cluster, clock, node, instance, journal, signal } = this.#options;
    const now = clock.now();
    const claim = { node, instance, journal: journal.id, time: timestamp(now) };
    const status: GuestTaskStatus = {
      observedGeneration: task.metadata.generation ?? 0,
      phase: 'Claimed',
      claim,
      startTime: timestamp(now),
    };
    return await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
  }

  #start(task: GuestTask, guest: LiveGuest, sentBefore: { bootId?: string } | undefined): void {
    const { clock, registry } = this.#options;
    // Once it is a long one, others may begin.
    const cancel = clock.after(youngMs, () => registry.changed(guest.agent.uuid));
    this.#track(task, async (signal) => {
      try {
        await this.#run(task, guest, sentBefore, signal);
      } finally {
        cancel();
        guest.running.delete(uidOf(task));
        registry.changed(guest.agent.uuid);
      }
    });
  }

  async #run(
    task: GuestTask,
    guest: LiveGuest,
    sentBefore: { bootId?: string } | undefined,
    stopped: AbortSignal,
  ): Promise<void> {
    const { journal, clock, logger } = this.#options;
    const uid = uidOf(task);
    const startedAt = clock.monotonic();
    const deadline = deadlineOf(task, clock);
    const shown = noticeRunning(task, this.#options);
    let ending: Omit<TaskOutcome, 'startTime' | 'completionTime'>;
    try {
      const { bootId } = guest;
      const exec = task.spec.action.exec;
      if (!exec) throw new TypeError('the task has no action this agent knows');
      if (!sentBefore) await journal.record(uid, { state: 'sending', ...(bootId !== undefined && { bootId }) });
      const drop = guest.finishedRuns.length >= dropAtOnce ? guest.finishedRuns.splice(0) : [];
      const run = { id: uid, exec, sentBefore, bootId, drop };
      const end = await runExec(guest.agent, run, clock, AbortSignal.any([stopped, deadline.signal]));
      if (end.kind === 'notStarted') {
        const final = await this.#whyNotStarted(guest, end, stopped);
        if (!final) return await this.#putBack(task);
        ending = final;
      } else ending = outcomeOfEnd(end, exec.command[0] ?? '');
    } catch (error) {
      if (!(error instanceof DeadlineReached)) throw error;
      const message =
        'the command had not ended by the deadline: it is no longer waited for, and may still run in the guest';
      ending = { phase: 'Failed', reason: 'DeadlineExceeded', message };
    } finally {
      deadline.cancel();
      shown.cancel();
    }
    const { startTime } = task.status ?? {};
    const outcome = { ...ending, ...(startTime && { startTime }), completionTime: timestamp(clock.now()) };
    this.#options.onEnded?.(outcome, (clock.monotonic() - startedAt) / 1000);
    try {
      await journal.record(uid, { state: 'ended', outcome });
    } catch (error) {
      // The API server is the better place for it than nowhere.
      logger.error({ err: error, task: uid }, 'the journal could not be written: delivering the outcome without it');
    }
    await this.#deliver(await shown.latest(), outcome, stopped);
    guest.finishedRuns.push(uid);
  }

  /** The end of a task whose launcher never ran; undefined when a later try may fare better. */
  async #whyNotStarted(guest: LiveGuest, { error }: Extract<ExecEnd, { kind: 'notStarted' }>, signal: AbortSignal) {
    if (error.code === 'Refused') return await execBlocked(guest.agent, error, signal);
    if (error.retryable) return undefined;
    const reason = error.code === 'NoChannel' ? 'NoAgentChannel' : error.code === 'NoDomain' ? 'GuestGone' : error.code;
    return { phase: 'Failed', reason, message: error.message } as const;
  }

  /** Nothing was sent: the claim stays, the intent goes, and the task is looked at anew. */
  async #putBack(task: GuestTask): Promise<void> {
    this.#pause(task);
    await this.#options.journal.forget(uidOf(task));
  }

  /** Whatever wakes the task meanwhile, it waits. */
  #pause(task: GuestTask): void {
    this.#pauses.set(uidOf(task), retryMs);
    this.#options.lookAgain(task, retryMs);
  }

  async #deliver(task: GuestTask, outcome: TaskOutcome, signal: AbortSignal): Promise<void> {
    const { cluster, journal, clock, logger } = this.#options;
    await deliver(task, outcome, { cluster, journalId: journal.id, clock, logger, signal });
    this.#delivered.add(uidOf(task));
    this.#inBackground(journal.forget(uidOf(task)), uidOf(task));
  }

  async #endUntouched(
    task: GuestTask,
    end: Pick<TaskOutcome, 'phase' | 'reason'> & { message: string },
  ): Promise<void> {
    const { cluster, clock, signal, onEnded } = this.#options;
    const { phase, reason, message } = end;
    const outcome = { phase, reason, message, completionTime: timestamp(clock.now()) };
    await cluster.replaceStatus(guestTasks, withOutcome(task, outcome, clock.now()), { signal });
    onEnded?.(outcome, 0);
  }

  async #showWaiting(task: GuestTask, reason: string | undefined, message: string | undefined): Promise<void> {
    const { cluster, signal } = this.#options;
    if (reason === undefined || message === undefined) return;
    const { status } = task;
    if (status?.reason === reason && status.message === message) return;
    const phase = status?.phase ?? 'Pending';
    await cluster.replaceStatus(guestTasks, { ...task, status: { ...status, phase, reason, message } }, { signal });
  }

  #track(task: GuestTask, work: (signal: AbortSignal) => Promise<void>): void {
    const uid = uidOf(task);
    const abort = new AbortController();
    const done = work(AbortSignal.any([this.#options.signal, abort.signal])).then(
      () => this.#settle(uid),
      (error: unknown) => this.#settle(uid, error, task),
    );
    this.#runs.set(uid, { abort, done });
  }

  #settle(uid: string, error?: unknown, task?: GuestTask): void {
    const { journal, logger, signal } = this.#options;
    this.#runs.delete(uid);
    if (error === undefined || signal.aborted) return;
    if (error instanceof TaskDeleted) {
      this.#inBackground(journal.forget(uid), uid);
      return;
    }
    logger.error({ err: error, task: uid }, 'a task could not be carried on: trying again');
    if (task && !isTaskOver(task)) this.#pause(task);
  }

  #inBackground(work: Promise<void>, uid: string): void {
    work.catch((error: unknown) =>
      this.#options.logger.error({ err: error, task: uid }, 'the journal could not be written'),
    );
  }
}

function guestKeyOf({ metadata, spec }: GuestTask): ObjectKey {
  return keyOf({ namespace: metadata.namespace, name: spec.guestName });
}

function uidOf(task: GuestTask): string {
  if (!task.metadata.uid) throw new TypeError('a task from the API server has a uid');
  return task.metadata.uid;
}
