import { apiVersion, type GuestTask, guestTasks } from '../../api/resources.ts';
import type { GuestTaskSpec, GuestTaskStatus } from '../../api/schema/guest-task.ts';
import { isTaskOver } from '../../api/tasks.ts';
import { timestamp } from '../../seams/clock.ts';
import { createOnce, isCertainlyNotMade, removed } from '../connect/effects.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import type { Session } from '../connect/session.ts';
import { freshName } from '../object-name.ts';

export interface TaskRequest {
  guest: string;
  action: GuestTaskSpec['action'];
  /** Begins the task's name. */
  prefix: string;
  /** How long it may take, once its guest is reached. */
  seconds: number;
}

export type TaskSession = Pick<Session, 'cluster' | 'namespace' | 'clock' | 'random' | 'signal' | 'tell'>;

/** A task that did not succeed. `reason` is one of docs/reasons.md. */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';
  readonly code = 'TaskFailed';
  readonly reason: string;
  readonly status: GuestTaskStatus;

  constructor(guest: string, status: GuestTaskStatus) {
    const { phase = 'Pending', reason = phase, message } = status;
    super(`guest ${guest}: ${reason}${message ? `: ${message}` : ''}`);
    this.reason = reason;
    this.status = status;
  }
}

/** A guest that can't be reached is waited for so long. */
const startingSeconds = 30;

/**
 * Has one thing done in a guest by a GuestTask of its own, which is deleted in the end: also when this process is to
 * end, which ends it in the guest. Answers its status; rejects with a TaskFailedError unless it succeeded.
 */
export async function runTask(session: TaskSession, request: TaskRequest): Promise<GuestTaskStatus> {
  const { cluster, clock, random, signal, namespace, tell } = session;
  const { guest, action, prefix, seconds } = request;
  const now = clock.now();
  const task: GuestTask = {
    apiVersion,
    kind: 'GuestTask',
    metadata: { name: freshName(prefix, random), namespace },
    spec: {
      guestName: guest,
      action,
      startingDeadline: timestamp(now + startingSeconds * 1000),
      deadline: timestamp(now + (startingSeconds + seconds) * 1000),
    },
  };
  let mayExist = true;
  try {
    await createOnce(cluster, guestTasks, task, clock, signal).catch((error: unknown) => {
      mayExist = !isCertainlyNotMade(error);
      throw error;
    });
    const states = follow(cluster, guestTasks, task.metadata, clock, signal);
    const over = await untilHolds(states, isTaskOver);
    if (!over) throw new Error(`the task ${task.metadata.name} was deleted by somebody else`);
    const { status = {} } = over;
    if (status.phase !== 'Succeeded') throw new TaskFailedError(guest, status);
    return status;
  } finally {
    const problem = mayExist ? await removed(cluster, guestTasks, task.metadata, clock) : undefined;
    if (problem !== undefined) tell(`task ${task.metadata.name} could not be deleted: ${problem}`);
  }
}
