import { needsSealed } from '../api/action-inputs.ts';
import type { GuestTask } from '../api/resources.ts';
import { movesOf } from '../api/tasks.ts';
import type { Journal, Sent } from '../guest/journal.ts';
import type { Cluster } from '../kube/cluster.ts';
import { keyOf, uidOf } from '../kube/objects.ts';
import type { Logger } from '../observability/log.ts';
import { PayloadInvalidError, SealBrokenError, SealedToAnotherKeyError } from '../sealing/errors.ts';
import { decodePayload, type SealedPayload } from '../sealing/payload.ts';
import { type OpeningKey, open } from '../sealing/seal.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import {
  type Action,
  type ActionRun,
  DeadlineReached,
  type Ending,
  lostInTakeOver,
  TaskDeleted,
  TaskMoved,
} from './actions/action.ts';
import type { FreezeKeeper } from './freeze-keeper.ts';
import type { LiveGuest } from './live-guest.ts';
import { OutputKeeper } from './output-keeper.ts';
import type { TaskOutcome } from './task-decision.ts';
import { deliver } from './task-delivery.ts';
import { TaskReport } from './task-report.ts';

export interface TaskRunOptions {
  /** Claimed. */
  task: GuestTask;
  /** The action's name in `spec.action`. */
  actionName: string;
  action: Action;
  guest: LiveGuest;
  sentBefore: Sent | undefined;
  openingKey: OpeningKey | undefined;
  freezes: FreezeKeeper;
  cluster: Cluster;
  journal: Journal<TaskOutcome>;
  clock: Clock;
  logger: Logger;
  /** This process ends. */
  stopped: AbortSignal;
  /** Its task was deleted, and what it had begun in the guest has been ended; `how`: a sentence. */
  onDeletedEnded?(guestUid: string, how: string): void;
  onEnded?(outcome: TaskOutcome, actionName: string, seconds: number): void;
}

/**
 * Carries one claimed task from its intent to its delivered end.
 *
 * INVARIANTS: the guest is touched only after the intent is on the disk; an outcome is on the disk before it is written
 * to the API server.
 */
export class TaskRun {
  readonly #options: TaskRunOptions;
  readonly #withdraw = new AbortController();
  readonly #elsewhere = new AbortController();
  readonly #listeners: ((task: GuestTask) => void)[] = [];
  #task: GuestTask;

  constructor(options: TaskRunOptions) {
    this.#options = options;
    this.#task = options.task;
  }

  /** Somebody changed the task: its spec may ask for something else now. */
  update(task: GuestTask): void {
    this.#task = task;
    for (const listener of this.#listeners) listener(task);
  }

  /** The task's object is gone: nobody waits for it any more. */
  deleted(): void {
    this.#withdraw.abort(new TaskDeleted());
  }

  /** The task followed its guest to another host: it is left as it is. */
  moved(): void {
    this.#elsewhere.abort(new TaskMoved());
  }

  /**
   * Resolves when the outcome is delivered; `putBack` when nothing was sent and it is to be tried again; `left` when the
   * guest left this host in its midst, which is no outcome: the host that runs it now may find one.
   */
  async carryOut(): Promise<'delivered' | 'putBack' | 'left'> {
    const { task, actionName, action, guest, sentBefore, cluster, journal, clock, logger, stopped, onEnded } =
      this.#options;
    const { absences } = guest.departure;
    const uid = uidOf(task);
    const startedAt = clock.monotonic();
    const report = new TaskReport(task, { cluster, clock, logger, signal: stopped });
    let ending: Ending | undefined;
    try {
      ending = await this.#act(uid, report);
    } catch (error) {
      await report.close();
      throw error;
    }
    const shown = await report.close();
    if (!ending) return 'putBack';
    if (!isKnown(ending) && (await this.#hasLeft(absences))) return 'left';
    this.#tellIfDeleted(ending);
    const { startTime } = task.status ?? {};
    const outcome = { ...ending, ...(startTime && { startTime }), completionTime: timestamp(clock.now()) };
    onEnded?.(outcome, actionName, (clock.monotonic() - startedAt) / 1000);
    // Its claim in the guest stays: what one of them sends late must find it.
    const shared = movesOf(task) > 0 || sentBefore?.takenOver !== undefined;
    try {
      await journal.record(uid, { state: 'ended', outcome, ...(shared && { shared }) });
    } catch (error) {
      // The API server is the better place for it than nowhere.
      logger.error({ err: error, task: uid }, 'the journal could not be written: delivering the outcome without it');
    }
    const delivery = await deliver(shown, outcome, { cluster, journalId: journal.id, clock, logger, signal: stopped });
    if (!shared && !delivery.shared) action.delivered?.(task, guest);
    return 'delivered';
  }

  /** Whether what the action met with is that the guest is no longer here, and may go on elsewhere. */
  async #hasLeft(absencesBefore: number): Promise<boolean> {
    const { guest, clock, stopped } = this.#options;
    const { departure, agent } = guest;
    if (departure.absences > absencesBefore) {
      const askedAt = clock.monotonic();
      departure.see(await agent.domain(stopped), askedAt);
    }
    return departure.awaitedMs(clock.monotonic()) > 0;
  }

  async #act(uid: string, report: TaskReport): Promise<Ending | undefined> {
    const { task, action, actionName, guest, sentBefore, freezes, cluster, journal, clock, logger } = this.#options;
    const stopped = AbortSignal.any([this.#options.stopped, this.#elsewhere.signal]);
    const takenOver = sentBefore?.takenOver !== undefined;
    const opened = await openSealed(task, this.#options.openingKey);
    if (!opened.whole && !sentBefore) return opened.ending;
    const { bootId } = task.status?.claim ?? {};
    let sent: Sent = {
      guest: guest.agent.uuid,
      action: actionName,
      ...(bootId !== undefined && { bootId }),
      ...sentBefore,
      task: keyOf(task),
    };
    // What is there already may be newer: a freeze is kept beside its task.
    if (!journal.get(uid)) await journal.record(uid, { state: 'sending', ...sent });
    const cancelDeadline = this.#armDeadline();
    const entry = journal.get(uid);
    const act = takenOver ? (action.takeOver ?? takeOverNothing) : action.run;
    try {
      return await (opened.whole ? act : this.#withoutSecret(uid, opened.ending))({
        task,
        latest: () => this.#task,
        onUpdate: (listener) => void this.#listeners.push(listener),
        guest,
        // As it is at this very moment: a freeze that is kept may have come to its end since that was decided.
        sentBefore: sentBefore && entry?.state === 'sending' ? entry : sentBefore,
        secret: opened.whole ? opened.secret : undefined,
        note: async (note) => {
          sent = { ...sent, note };
          await journal.record(uid, { state: 'sending', ...sent });
        },
        show: (progress) => report.show(progress),
        output: new OutputKeeper(task, { cluster, clock, signal: stopped }),
        stopped,
        freezes,
        withdrawn: this.#withdraw.signal,
        clock,
        logger,
      });
    } finally {
      cancelDeadline();
    }
  }

  /** `ofUntouched`: how it ends where nothing was begun. */
  #withoutSecret(uid: string, ofUntouched: Ending | undefined): Action['run'] {
    const { action } = this.#options;
    return async (run) => {
      if (action.findAgain) return (await action.findAgain(run)) ?? ofUntouched;
      const { sentBefore } = run;
      if (!sentBefore) return ofUntouched;
      await action.abandon?.(uid, { ...run, sent: sentBefore });
      return sentBefore.takenOver ? lostInTakeOver(run) : lostWithoutSecret;
    };
  }

  /** Nobody reads the status of a task that is gone. */
  #tellIfDeleted({ phase, message }: Ending): void {
    const { task, guest, onDeletedEnded } = this.#options;
    if (!(this.#withdraw.signal.reason instanceof TaskDeleted) || phase === 'Skipped' || !message) return;
    onDeletedEnded?.(guest.agent.uuid, `task ${keyOf(task)}: ${message}`);
  }

  #armDeadline(): () => void {
    const { task, clock } = this.#options;
    const { deadline } = task.spec;
    if (deadline === undefined) return () => {};
    const reached = () => this.#withdraw.abort(new DeadlineReached());
    const leftMs = Date.parse(deadline) - clock.now();
    if (leftMs > 0) return clock.after(leftMs, reached);
    reached();
    return () => {};
  }
}

/** A result in hand is an outcome, wherever the guest may be by now. */
function isKnown({ phase, exec }: Ending): boolean {
  return phase === 'Succeeded' || exec !== undefined;
}

async function takeOverNothing(run: ActionRun): Promise<Ending> {
  return lostInTakeOver(run);
}

const lostWithoutSecret: Ending = {
  phase: 'Unknown',
  reason: 'OutcomeUnknown',
  message: 'what the task takes from Secrets can no longer be opened here: nobody knows how far it had come',
};

function sealBroken(message: string): Ending {
  return { phase: 'Failed', reason: 'SealBroken', message };
}

/** What each action takes; those of passwords look for themselves. */
const kindOf: Partial<Record<string, SealedPayload['kind']>> = {
  exec: 'exec',
  writeFile: 'file',
  command: 'arguments',
};

/** What a task takes from Secrets; where that can't be had, how it ends untouched, undefined where it is sealed anew. */
type Opened = { whole: true; secret: SealedPayload | undefined } | { whole: false; ending: Ending | undefined };

async function openSealed(task: GuestTask, key: OpeningKey | undefined): Promise<Opened> {
  const { sealed, guestUID = '', action } = task.spec;
  if (!sealed && !needsSealed(action)) return { whole: true, secret: undefined };
  if (!sealed || !key) return { whole: false, ending: undefined };
  const { namespace = '', name } = task.metadata;
  const actionName = Object.keys(action)[0] ?? '';
  try {
    const secret = decodePayload(await open(key, sealed, { namespace, taskName: name, guestUID, action: actionName }));
    if (secret.kind === (kindOf[actionName] ?? secret.kind)) return { whole: true, secret };
    const message = `what is sealed for the task is nothing that ${actionName} takes: nothing was sent; make the task anew`;
    return { whole: false, ending: sealBroken(message) };
  } catch (error) {
    if (error instanceof SealedToAnotherKeyError) return { whole: false, ending: undefined };
    if (error instanceof PayloadInvalidError) {
      return { whole: false, ending: sealBroken(`nothing was sent: ${error.message}`) };
    }
    if (!(error instanceof SealBrokenError)) throw error;
    const message =
      'what the task takes from Secrets was changed, or sealed for another task: nothing was sent; make the task anew';
    return { whole: false, ending: sealBroken(message) };
  }
}
