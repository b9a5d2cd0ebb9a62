import type { Guest, GuestTask } from '../api/resources.ts';
import { isTaskOver, movesOf } from '../api/tasks.ts';
import type { Journal, JournalEntry, Sent } from '../guest/journal.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import { keyOf, type ObjectKey, uidOf } from '../kube/objects.ts';
import type { Logger } from '../observability/log.ts';
import type { OpeningKey } from '../sealing/seal.ts';
import type { Clock } from '../seams/clock.ts';
import { type Action, TaskDeleted, TaskMoved } from './actions/action.ts';
import { actionOf } from './actions/index.ts';
import { recallDelivered } from './delivered-runs.ts';
import type { FreezeKeeper } from './freeze-keeper.ts';
import { obstacleOf, sealedObstacle, takeOverObstacle } from './guest-obstacle.ts';
import type { GuestRegistry } from './guest-registry.ts';
import { type LiveGuest, youngMs } from './live-guest.ts';
import { Pauses } from './pauses.ts';
import { TaskClaims } from './task-claims.ts';
import { decideTask, type TaskDecision, type TaskObservation, type TaskOutcome } from './task-decision.ts';
import { deliver } from './task-delivery.ts';
import { TaskParting } from './task-parting.ts';
import { TaskRun } from './task-run.ts';
import { tellEnd, tellWaiting, type UntouchedEnd } from './untouched-task.ts';

export interface TaskExecutorOptions {
  cluster: Cluster;
  journal: Journal<TaskOutcome>;
  registry: GuestRegistry;
  /** Opens what is sealed to this node; undefined where its key is damaged. */
  openingKey: OpeningKey | undefined;
  freezes: FreezeKeeper;
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
  /** A task was deleted that had begun something in the guest, and that has been ended; `how`: a sentence. */
  onDeletedEnded?(guestUid: string, how: string): void;
  onStarted?(actionName: string): void;
  onEnded?(outcome: TaskOutcome, actionName: string, seconds: number): void;
}

const retryMs = 1000;

const unknownAction = {
  phase: 'Failed',
  reason: 'ActionUnknown',
  message: "this node's agent is older than the action: bring it up to date",
} as const;

type KnownAction = NonNullable<ReturnType<typeof actionOf>>;

/**
 * Carries out this node's tasks.
 *
 * INVARIANTS: a guest is touched only after the claim is in the API server and the intent on the disk; an outcome is on
 * the disk before it is written to the API server; one process runs a task once.
 */
export class TaskExecutor {
  readonly #options: TaskExecutorOptions;
  /** Tasks that something is being done about, by UID; `run` is missing where only an outcome is delivered. */
  readonly #underWay = new Map<string, { run: TaskRun | undefined; done: Promise<void> }>();
  /** Delivered tasks whose end the cache does not show yet, with their moves then: it must not be taken for news. */
  readonly #delivered = new Map<string, number>();
  readonly #claims: TaskClaims;
  readonly #pauses: Pauses;
  readonly #parting: TaskParting;

  constructor(options: TaskExecutorOptions) {
    this.#options = options;
    this.#claims = new TaskClaims({ ...options, journalId: options.journal.id });
    this.#pauses = new Pauses(options.clock);
    this.#parting = new TaskParting({ ...options, runOf: (uid) => this.#underWay.get(uid)?.run });
  }

  /** Does what is next for one task, as last seen; returns when to look again at the latest. */
  async reconcile(task: GuestTask): Promise<{ requeueAfterMs?: number }> {
    const { journal, registry, node, guestOf } = this.#options;
    const uid = uidOf(task);
    if (task.spec.guestUID === undefined || task.spec.nodeName !== node) return {};
    const underWay = this.#underWay.get(uid);
    if (underWay) {
      underWay.run?.update(task);
      return {};
    }
    const delivered = this.#delivered.get(uid);
    if (delivered !== undefined) {
      if (!isTaskOver(task) && movesOf(task) === delivered) return {};
      this.#delivered.delete(uid);
    }
    const pausedMs = this.#pauses.left(uid);
    if (pausedMs > 0) return { requeueAfterMs: pausedMs };
    const guest = registry.get(task.spec.guestUID);
    // The domains of this host have not been listed yet: soon they are.
    if (!isTaskOver(task) && guest.domain === undefined && registry.connected && guestOf(guestKeyOf(task))) return {};
    const known = actionOf(task);
    if (!known) {
      if (!isTaskOver(task) && !journal.get(uid)) await this.#endUntouched(task, unknownAction);
      return {};
    }
    const problem = isTaskOver(task) || journal.get(uid) ? undefined : known.action.problem?.(task);
    if (problem) {
      await this.#endUntouched(task, { phase: 'Failed', ...problem });
      return {};
    }
    return await this.#carryOut(decideTask(this.#observe(task, guest, known)), task, guest, known);
  }

  #observe(task: GuestTask, guest: LiveGuest, { action }: KnownAction): TaskObservation {
    const { journal, registry, clock, node, guestOf, openingKey } = this.#options;
    const setting = {
      task,
      action,
      object: guestOf(guestKeyOf(task)),
      live: guest,
      libvirtConnected: registry.connected,
      sealingKeyId: openingKey?.sealingKey.id,
    };
    return {
      task,
      entry: journal.get(uidOf(task)),
      node,
      journalId: journal.id,
      guest: {
        bootId: guest.bootId,
        obstacle: obstacleOf(setting),
        sealed: sealedObstacle(setting, clock.now()),
        unseen: takeOverObstacle(setting, clock.now()),
        // One that has the guest for itself waits for what is young there, and leaves alone what has run for long.
        full: !action.exclusive && guest.isFull(clock.monotonic()),
        crowded: guest.isCrowded,
        awaitedMs: guest.departure.awaitedMs(clock.monotonic()),
        absent: registry.isAbsent(guest.agent.uuid),
      },
      now: clock.now(),
    };
  }

  async #carryOut(
    decision: TaskDecision,
    task: GuestTask,
    guest: LiveGuest,
    known: KnownAction,
  ): Promise<{ requeueAfterMs?: number }> {
    const { journal, freezes } = this.#options;
    const uid = uidOf(task);
    switch (decision.do) {
      case 'nothing':
        return {};
      case 'forget':
        // A freeze is ended before it is forgotten, whoever called its task over, and so is what prepared it.
        if (freezes.find(uid) || isFreeze(journal.get(uid))) this.#parting.abandon(uid);
        else await journal.forget(uid);
        return {};
      case 'deliver':
        this.#track(task, this.#deliver(task, decision.outcome, guest, known));
        return {};
      case 'end':
        await this.#endUntouched(task, decision);
        return {};
      case 'wait':
        await tellWaiting(task, decision, this.#options);
        return decision.lookAgainMs === undefined ? {} : { requeueAfterMs: decision.lookAgainMs };
      case 'claim':
        await this.#claimAndStart(task, guest, known, guest.bootId, undefined);
        return {};
      case 'takeOver':
        // Before the claim: a life that finds only that would take it for nothing sent.
        await journal.record(uid, { state: 'sending', ...decision.sentBefore, task: keyOf(task) });
        await this.#claimAndStart(task, guest, known, decision.sentBefore.bootId, decision.sentBefore);
        return {};
      case 'run':
        this.#enter(task, guest, known.action);
        this.#start(task, guest, known, decision.sentBefore);
        return {};
    }
  }

  /** The task is no longer among those of this node: its object is gone, or it followed its guest to another host. */
  deleted(task: GuestTask): void {
    const uid = uidOf(task);
    this.#pauses.forget(uid);
    this.#delivered.delete(uid);
    this.#claims.gone(uid);
    if (this.#underWay.get(uid)?.run || this.#options.journal.get(uid)) this.#parting.part(uid, task.metadata);
  }

  /**
   * Takes up what earlier lives of this process left behind. `tasks`: those that this node has. Others went while no agent
   * looked, and leave nothing. What was delivered last may still have files in its guest, which may go now.
   */
  takeUp(tasks: readonly GuestTask[]): void {
    const { journal, registry } = this.#options;
    this.#parting.partFromAllBut(new Set([...tasks.map(uidOf), ...this.#underWay.keys()]));
    recallDelivered(tasks, journal.id, registry);
  }

  /** Resolves when nothing is under way any more; abort the signal first. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#underWay.values()].map(({ done }) => done));
  }

  #enter(task: GuestTask, guest: LiveGuest, { exclusive }: Action): void {
    guest.running.set(uidOf(task), this.#options.clock.monotonic());
    if (exclusive) guest.reservedFor = { uid: uidOf(task), task: keyOf(task) };
  }

  #leave(task: GuestTask, guest: LiveGuest): void {
    guest.running.delete(uidOf(task));
    if (guest.reservedFor?.uid === uidOf(task)) guest.reservedFor = undefined;
  }

  /** `bootId`: the boot of the guest in which it may be started. */
  async #claimAndStart(
    task: GuestTask,
    guest: LiveGuest,
    known: KnownAction,
    bootId: string | undefined,
    sentBefore: Sent | undefined,
  ): Promise<void> {
    this.#enter(task, guest, known.action);
    try {
      const claimed = await this.#claims.claim(task, bootId, sentBefore ? task.status : undefined);
      if (!claimed) {
        this.#leave(task, guest);
        return;
      }
      this.#options.onStarted?.(known.actionName);
      this.#start(claimed, guest, known, sentBefore);
    } catch (error) {
      this.#leave(task, guest);
      // That it went may have been told before the journal had it.
      if (sentBefore && (isNotFound(error) || isConflict(error))) this.#parting.part(uidOf(task), task.metadata);
      throw error;
    }
  }

  #start(task: GuestTask, guest: LiveGuest, { actionName, action }: KnownAction, sentBefore: Sent | undefined): void {
    const { clock, registry, signal } = this.#options;
    const run = new TaskRun({ ...this.#options, task, actionName, action, guest, sentBefore, stopped: signal });
    // Once it is a long one, others may begin.
    const cancel = clock.after(youngMs, () => registry.changed(guest.agent.uuid));
    const work = async () => {
      try {
        switch (await run.carryOut()) {
          case 'putBack':
            await this.#putBack(task);
            break;
          case 'left':
            this.#pause(task);
            // It may have gone before there was anything to let go of.
            this.#parting.part(uidOf(task), task.metadata);
            break;
          case 'delivered':
            this.#afterDelivery(task);
        }
      } finally {
        cancel();
        this.#leave(task, guest);
        registry.changed(guest.agent.uuid);
      }
    };
    this.#track(task, work(), run);
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

  /** What an earlier life of this process has brought to its end. */
  async #deliver(task: GuestTask, outcome: TaskOutcome, guest: LiveGuest, { action }: KnownAction): Promise<void> {
    const { cluster, journal, clock, logger, signal } = this.#options;
    const entry = journal.get(uidOf(task));
    const { shared } = await deliver(task, outcome, { cluster, journalId: journal.id, clock, logger, signal });
    if (entry?.state === 'ended' && !entry.shared && !shared) action.delivered?.(task, guest);
    this.#afterDelivery(task);
  }

  #afterDelivery(task: GuestTask): void {
    this.#delivered.set(uidOf(task), movesOf(task));
    this.#parting.forget(uidOf(task));
  }

  async #endUntouched(task: GuestTask, end: UntouchedEnd): Promise<void> {
    const outcome = await tellEnd(task, end, this.#options);
    this.#options.onEnded?.(outcome, actionOf(task)?.actionName ?? 'unknown', 0);
  }

  #track(task: GuestTask, work: Promise<void>, run?: TaskRun): void {
    const uid = uidOf(task);
    const done = work.then(
      () => this.#settle(task),
      (error: unknown) => this.#settle(task, error),
    );
    this.#underWay.set(uid, { run, done });
  }

  #settle(task: GuestTask, error?: unknown): void {
    const { logger, signal } = this.#options;
    const uid = uidOf(task);
    this.#underWay.delete(uid);
    if (error === undefined || signal.aborted) return;
    if (error instanceof TaskDeleted || error instanceof TaskMoved) {
      this.#parting.forget(uid);
      return;
    }
    logger.error({ err: error, task: uid }, 'a task could not be carried on: trying again');
    this.#pause(task);
  }
}

function guestKeyOf({ metadata, spec }: GuestTask): ObjectKey {
  return keyOf({ namespace: metadata.namespace, name: spec.guestName });
}

function isFreeze(entry: JournalEntry<TaskOutcome> | undefined): boolean {
  return entry?.state === 'sending' && entry.action === 'freeze';
}
