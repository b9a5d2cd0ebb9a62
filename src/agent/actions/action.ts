import type { GuestTask } from '../../api/resources.ts';
import type { Sent } from '../../guest/journal.ts';
import type { Logger } from '../../observability/log.ts';
import type { SealedPayload } from '../../sealing/payload.ts';
import type { Clock } from '../../seams/clock.ts';
import type { FreezeKeeper } from '../freeze-keeper.ts';
import type { LiveGuest } from '../live-guest.ts';
import type { OutputKeeper } from '../output-keeper.ts';
import type { TaskOutcome } from '../task-decision.ts';
import type { Progress } from '../task-report.ts';

/** How an action ended, less the times. */
export type Ending = Omit<TaskOutcome, 'startTime' | 'completionTime'>;

/** A task's deadline came while its action was under way. */
export class DeadlineReached extends Error {
  override readonly name = 'DeadlineReached';
}

/** A task's object was deleted while its action was under way. */
export class TaskDeleted extends Error {
  override readonly name = 'TaskDeleted';
}

/** Somebody let go of a task while its action was under way: spec.release. */
export class TaskReleased extends Error {
  override readonly name = 'TaskReleased';
}

/** A task followed its guest to another host while its action was under way. */
export class TaskMoved extends Error {
  override readonly name = 'TaskMoved';
}

/** How a task ends of which nobody can tell how far it had come before it was taken over. */
export function lostInTakeOver({ task, sentBefore }: Pick<ActionRun, 'task' | 'sentBefore'>): Ending {
  const reason = sentBefore?.takenOver ?? 'GuestMoved';
  const happened =
    reason === 'GuestMoved'
      ? `guest ${task.spec.guestName} was moved to this host in its midst`
      : 'the journal that had claimed it is gone';
  return { phase: 'Unknown', reason, message: `${happened}: nobody knows how far it had come` };
}

/** One task's action under way. */
export interface ActionRun {
  /** As it was claimed. */
  readonly task: GuestTask;
  /** As it is now: what may be changed in a spec may have been. */
  latest(): GuestTask;
  onUpdate(listener: (task: GuestTask) => void): void;
  readonly guest: LiveGuest;
  /** What an earlier life of this process may have sent, as the journal has it; undefined: nothing was ever sent. */
  readonly sentBefore: Sent | undefined;
  /** What the task takes from Secrets. */
  readonly secret: SealedPayload | undefined;
  /** Adds what the next life of this process must know to the journal; resolves when it is on the disk. */
  note(note: unknown): Promise<void>;
  /** Tells in the task's status how it fares. */
  show(progress: Progress): void;
  /** Where what it brings from the guest may be kept. */
  readonly output: OutputKeeper;
  /** This process ends: reject with the signal's reason, and the next process goes on with `sentBefore`. */
  readonly stopped: AbortSignal;
  /** Holds guests frozen, beyond this run where it must. */
  readonly freezes: FreezeKeeper;
  /** Nobody waits for it any longer: aborts with a DeadlineReached or a TaskDeleted. The action ends what it began. */
  readonly withdrawn: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A task whose object went while no agent looked, and whose action may still be under way in its guest. */
export interface Abandoned {
  readonly guest: LiveGuest;
  readonly sent: Sent;
  /** Adds what the next life of this process must know to the journal; resolves when it is on the disk. */
  note(note: unknown): Promise<void>;
  readonly freezes: FreezeKeeper;
  readonly stopped: AbortSignal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * One kind of action, as the executor sees it. The executor claims, journals and delivers; an action only deals with the
 * guest.
 */
export interface Action {
  /** The guest agent's commands that it can't do without. */
  commands(task: GuestTask): readonly string[];
  /** It has the guest for itself: no other task begins there meanwhile. Those that run go on. */
  readonly exclusive?: boolean;
  /** What is wrong with the task itself, whatever its guest is like: it fails before anything is sent. */
  problem?(task: GuestTask): { reason: string; message: string } | undefined;
  /** Whether a frozen guest takes it (C21), or it finds out by itself and says so. */
  evenFrozen?(task: GuestTask): boolean;
  /**
   * Carries the action out to its end, through lost answers and earlier lives of this process. Undefined: nothing was
   * sent and a later try may fare better. Called only when the claim is in the API server and the intent on the disk.
   */
  run(run: ActionRun): Promise<Ending | undefined>;
  /**
   * The same for what another may have begun, the agent of the host that the guest came from, or this one's before its
   * journal was lost: `sentBefore` has no note of that one's. Where it is missing, nobody can tell how far that came, and
   * nothing is sent.
   */
  takeOver?(run: ActionRun): Promise<Ending | undefined>;
  /**
   * Finds again what may have been begun, or ends it where it is unwanted, without what the task takes from Secrets, which
   * can't be opened here: it begins nothing. Undefined: nothing had been begun. Where it is missing, nobody can tell how
   * far the action had come.
   */
  findAgain?(run: ActionRun): Promise<Ending | undefined>;
  /** Ends in the guest what nobody waits for any more. `id`: the task's UID. */
  abandon?(id: string, abandoned: Abandoned): Promise<void>;
  /** The API server has the outcome: what was kept in the guest for it may go. */
  delivered?(task: GuestTask, guest: LiveGuest): void;
}
