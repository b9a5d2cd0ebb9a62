import { sealingAwaited, sealingHindered } from '../api/action-inputs.ts';
import { type GuestTask, guestTasks } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import type { TaskOutcome } from './task-decision.ts';
import { withOutcome } from './task-delivery.ts';

export interface TellingOptions {
  cluster: Cluster;
  clock: Clock;
  signal: AbortSignal;
}

/** How a task ends that its guest never heard of. */
export type UntouchedEnd = Pick<TaskOutcome, 'phase' | 'reason'> & { message: string };

/** Writes that a task is over though its guest was not touched; answers what was written. */
export async function tellEnd(task: GuestTask, end: UntouchedEnd, options: TellingOptions): Promise<TaskOutcome> {
  const { cluster, clock, signal } = options;
  const { phase, reason, message } = end;
  const outcome = { phase, reason, message, completionTime: timestamp(clock.now()) };
  await cluster.replaceStatus(guestTasks, withOutcome(task, outcome, clock.now()), { signal });
  return outcome;
}

/** Writes why a task waits, unless that is what its status says, or there is nothing to say. */
export async function tellWaiting(
  task: GuestTask,
  { reason, message }: { reason?: string; message?: string },
  { cluster, signal }: TellingOptions,
): Promise<void> {
  if (reason === undefined || message === undefined) return;
  const { status } = task;
  if (status?.reason === reason && status.message === message) return;
  // Else the two would write it in turns.
  if (sealingAwaited.includes(reason) && sealingHindered.includes(status?.reason ?? '')) return;
  const phase = status?.phase ?? 'Pending';
  await cluster.replaceStatus(guestTasks, { ...task, status: { ...status, phase, reason, message } }, { signal });
}
