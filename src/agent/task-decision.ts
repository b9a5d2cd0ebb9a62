import type { GuestTask } from '../api/resources.ts';
import type { GuestTaskStatus, TaskPhase } from '../api/schema/guest-task.ts';
import type { JournalEntry } from '../guest/journal.ts';

/** How a task ended: what is journalled first and written to its status then. */
export type TaskOutcome = Pick<
  GuestTaskStatus,
  'phase' | 'reason' | 'message' | 'exec' | 'startTime' | 'completionTime'
> & { phase: TaskPhase; reason: string };

/** What the agent knows of a task's guest. */
export interface GuestView {
  /** Why nothing can be started there now. */
  obstacle?: { reason: string; message: string; permanent?: boolean } | undefined;
  /** As many commands run there as may at once. */
  full: boolean;
}

export interface TaskObservation {
  task: GuestTask;
  /** What this node's journal knows of it. */
  entry: JournalEntry<TaskOutcome> | undefined;
  /** This node's journal. */
  journalId: string;
  guest: GuestView;
  /** Milliseconds since the epoch. */
  now: number;
}

export type TaskDecision =
  /** Over, or not for us to touch. */
  | { do: 'nothing' }
  /** The API server has its end: the journal need not remember it. */
  | { do: 'forget' }
  /** It ended in an earlier life of this process: write what the journal says. */
  | { do: 'deliver'; outcome: TaskOutcome }
  /** It ends without the guest being touched. */
  | { do: 'end'; phase: TaskPhase; reason: string; message: string }
  /** Not yet; `reason` is told in the status where there is one. */
  | { do: 'wait'; reason?: string; message?: string; lookAgainMs?: number | undefined }
  /** Claim it, then run it. */
  | { do: 'claim' }
  /** It is ours: start it, or find it again where an earlier life of this process may have started it. */
  | { do: 'run'; sentBefore?: { bootId?: string } };

const over: ReadonlySet<string | undefined> = new Set<TaskPhase>(['Succeeded', 'Failed', 'Unknown', 'Skipped']);

/** Whether a task has come to its end. */
export function isTaskOver(task: GuestTask): boolean {
  return over.has(task.status?.phase);
}

/** What an agent does next with one task. */
export function decideTask({ task, entry, journalId, guest, now }: TaskObservation): TaskDecision {
  if (isTaskOver(task)) return entry ? { do: 'forget' } : { do: 'nothing' };
  if (entry?.state === 'ended') return { do: 'deliver', outcome: entry.outcome };

  const claim = task.status?.claim;
  if (claim && claim.journal !== journalId) {
    return {
      do: 'end',
      phase: 'Unknown',
      reason: 'JournalLost',
      message: `the task was claimed by a journal of node ${claim.node} that is gone: nobody knows whether it ran`,
    };
  }
  // Even without a claim: a status can be edited, and an etcd put back to yesterday.
  if (entry) return { do: 'run', sentBefore: entry };
  if (task.metadata.deletionTimestamp) return { do: 'nothing' };

  // Claimed or not, the journal says that nothing was sent: it can still be left undone.
  const late = lateness(task, guest, now);
  if (late) return late;
  if (guest.obstacle) {
    const { reason, message, permanent } = guest.obstacle;
    if (permanent) return { do: 'end', phase: 'Failed', reason, message };
    return { do: 'wait', reason, message, lookAgainMs: untilDeadline(task, now) };
  }
  if (guest.full) return { do: 'wait', lookAgainMs: untilDeadline(task, now) };
  return claim ? { do: 'run' } : { do: 'claim' };
}

function lateness({ spec }: GuestTask, { obstacle }: GuestView, now: number): TaskDecision | undefined {
  if (spec.deadline !== undefined && now >= Date.parse(spec.deadline)) {
    const message = 'its deadline was over before it could be started';
    return { do: 'end', phase: 'Failed', reason: 'DeadlineExceeded', message };
  }
  if (obstacle && spec.startingDeadline !== undefined && now >= Date.parse(spec.startingDeadline)) {
    return { do: 'end', phase: 'Failed', reason: 'Undeliverable', message: obstacle.message };
  }
  return undefined;
}

function untilDeadline({ spec }: GuestTask, now: number): number | undefined {
  const ahead = [spec.deadline, spec.startingDeadline]
    .filter((end) => end !== undefined)
    .map((end) => Date.parse(end) - now);
  return ahead.length > 0 ? Math.max(0, Math.min(...ahead)) : undefined;
}
