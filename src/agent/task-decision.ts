import type { GuestTask } from '../api/resources.ts';
import type { GuestTaskStatus, TaskPhase } from '../api/schema/guest-task.ts';
import { guestFull, isTaskOver, movesOf } from '../api/tasks.ts';
import type { JournalEntry, Sent, TakenOver } from '../guest/journal.ts';

/** How a task ended: what is journalled first and written to its status then. */
export type TaskOutcome = Pick<
  GuestTaskStatus,
  | 'phase'
  | 'reason'
  | 'message'
  | 'exec'
  | 'freeze'
  | 'password'
  | 'command'
  | 'readFile'
  | 'writeFile'
  | 'startTime'
  | 'completionTime'
> & { phase: TaskPhase; reason: string };

type Claim = NonNullable<GuestTaskStatus['claim']>;

/** What the agent knows of a task's guest. */
export interface GuestView {
  /** Why nothing can be started there now. */
  obstacle?: { reason: string; message: string; permanent?: boolean } | undefined;
  /** Its present boot, where known. */
  bootId?: string | undefined;
  /** As many commands run there as may at once, and this would be one more. */
  full: boolean;
  /** So many that no end of it is in sight. */
  crowded?: boolean;
  /** It left this host: for so long another host is still waited for that runs it. 0 or missing: it did not. */
  awaitedMs?: number | undefined;
  /** Why what the task takes from Secrets can't be opened here, where it is still wanted. */
  sealed?: { reason: string; message: string } | undefined;
  /** Why a task that another host began can't even be looked for. */
  unseen?: { reason: string; message: string; permanent?: boolean } | undefined;
  /** Libvirt has listed this host's domains, and its own is not among them. */
  absent?: boolean;
}

export interface TaskObservation {
  task: GuestTask;
  /** What this node's journal knows of it. */
  entry: JournalEntry<TaskOutcome> | undefined;
  node: string;
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
  /** Claim what another agent or journal has claimed, then find out how far that came. */
  | { do: 'takeOver'; sentBefore: Sent }
  /** It is ours: start it, or find it again where an earlier life of this process may have started it. */
  | { do: 'run'; sentBefore?: Sent };

/** What an agent does next with one task. */
export function decideTask(observed: TaskObservation): TaskDecision {
  const { task, entry, node, journalId, guest, now } = observed;
  if (isTaskOver(task)) return entry ? { do: 'forget' } : { do: 'nothing' };
  const claim = task.status?.claim;
  // What this journal says of a task that another host has claimed since is out of date.
  if (claim && claim.node !== node && movesOf(task) > 0) return takeOver(observed, 'GuestMoved');
  if (entry?.state === 'ended') return { do: 'deliver', outcome: entry.outcome };

  if (claim && claim.journal !== journalId) return afterLostJournal(observed, claim);
  if (entry && guest.awaitedMs) return waitForNextHost(task, guest.awaitedMs);
  // Even without a claim: a status can be edited, and an etcd put back to yesterday.
  if (entry) return findAgain(observed, entry);
  // It went to another host and came back, or this one died before it could note that it took it over.
  if (claim && movesOf(task) > 0) return findAgain(observed, sentElsewhere(task, 'GuestMoved'));
  if (task.metadata.deletionTimestamp) return { do: 'nothing' };

  // Claimed or not, the journal says that nothing was sent: it can still be left undone.
  if (task.spec.release) {
    return { do: 'end', phase: 'Skipped', reason: 'Released', message: 'it was let go before it began' };
  }
  const late = lateness(task, guest, now);
  if (late) return late;
  if (guest.obstacle) {
    const { reason, message, permanent } = guest.obstacle;
    if (permanent) return { do: 'end', phase: 'Failed', reason, message };
    return { do: 'wait', reason, message, lookAgainMs: untilDeadline(task, now) };
  }
  if (guest.full) return waitForRoom(observed);
  // It may be started in the boot that stands in the claim, and in no other: whoever claims it next relies on that.
  return claim && claim.bootId === guest.bootId ? { do: 'run' } : { do: 'claim' };
}

/** Another may have begun with it in the guest that is here now. */
function takeOver({ task, guest: { unseen } }: TaskObservation, why: TakenOver): TaskDecision {
  if (!unseen) return { do: 'takeOver', sentBefore: sentElsewhere(task, why) };
  const { reason, message, permanent } = unseen;
  // Even past its deadline: what runs there has to be ended.
  return permanent ? { do: 'end', phase: 'Unknown', reason, message } : { do: 'wait', reason, message };
}

/** What turns out never to have been started is started then, and for that it must be whole. */
function findAgain({ task, guest: { sealed }, now }: TaskObservation, sentBefore: Sent): TaskDecision {
  return sealed ? { do: 'wait', ...sealed, lookAgainMs: untilDeadline(task, now) } : { do: 'run', sentBefore };
}

/** It is told only where it may last: so that nobody takes the task for one that no agent takes. */
function waitForRoom({ task, guest, now }: TaskObservation): TaskDecision {
  const message = `as many commands run in guest ${task.spec.guestName} as may at once: the end of one is waited for`;
  const told = guest.crowded ? { reason: guestFull, message } : {};
  return { do: 'wait', ...told, lookAgainMs: untilDeadline(task, now) };
}

function waitForNextHost({ spec }: GuestTask, lookAgainMs: number): TaskDecision {
  const message = `guest ${spec.guestName} left this host: the host that runs it now is waited for`;
  return { do: 'wait', reason: 'GuestMoved', message, lookAgainMs };
}

/**
 * The guest may still tell, as long as it is in the boot that the lost journal had claimed the task for. A freeze needs not
 * be told of: the guest is thawed, in whatever boot it is.
 */
function afterLostJournal(observed: TaskObservation, claim: Claim): TaskDecision {
  const { task, node, guest } = observed;
  const { spec } = task;
  const isFreeze = spec.action.freeze !== undefined;
  if (claim.node === node && (isFreeze || (claim.bootId !== undefined && !spec.sealed))) {
    const { unseen, awaitedMs, absent } = guest;
    if (!unseen || unseen.reason === 'LibvirtNotConnected') return takeOver(observed, 'JournalLost');
    if (awaitedMs) return waitForNextHost(task, awaitedMs);
    // Somebody deleted the Guest: it is made anew as soon as the domain is seen.
    if (isFreeze && unseen.reason === 'GuestNotFound' && !absent) {
      return { do: 'wait', reason: unseen.reason, message: unseen.message, lookAgainMs: 1000 };
    }
  }
  const message = `the task was claimed by a journal of node ${claim.node} that is gone: nobody knows whether it ran`;
  return { do: 'end', phase: 'Unknown', reason: 'JournalLost', message };
}

/** What may have been sent by a host that the guest has left, or by one whose journal was lost since. */
function sentElsewhere({ spec, status }: GuestTask, takenOver: TakenOver): Sent {
  const { bootId } = status?.claim ?? {};
  const action = Object.keys(spec.action)[0] ?? '';
  return { guest: spec.guestUID ?? '', action, takenOver, ...(bootId !== undefined && { bootId }) };
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

/** Until the next of its deadlines; undefined when none is ahead. */
function untilDeadline({ spec }: GuestTask, now: number): number | undefined {
  const ahead = [spec.deadline, spec.startingDeadline]
    .filter((end) => end !== undefined)
    .map((end) => Date.parse(end) - now)
    .filter((leftMs) => leftMs > 0);
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
}
