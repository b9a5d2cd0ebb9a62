import type { GuestTask } from '../api/resources.ts';
import { guestFull, isTaskOver } from '../api/tasks.ts';

/** A task that no agent will end any more, and what the manager says of it instead. */
export interface GivenUp {
  task: GuestTask;
  phase: 'Failed' | 'Unknown';
  reason: string;
  message: string;
}

/** An agent ends its own tasks in time; only for one that is gone does the manager do it, this much later. */
export const graceMs = 10_000;

/** Undefined while a task's agent may still end it. `hostGone` says what nobody can tell any more. */
export function fateOfTask(
  task: GuestTask,
  hostExists: (node: string) => boolean,
  now: number,
  hostGone: string,
): GivenUp | undefined {
  if (isTaskOver(task)) return undefined;
  const node = task.spec.nodeName ?? '';
  if (task.status?.claim && !hostExists(node)) {
    const message = `host ${node} is gone, its GuestHost was deleted: ${hostGone}`;
    return { task, phase: 'Unknown', reason: 'HostGone', message };
  }
  const at = givenUpAt(task);
  if (at === undefined || now < at) return undefined;
  return {
    task,
    phase: 'Failed',
    reason: 'Undeliverable',
    message: notTaken(task),
  };
}

function notTaken({ spec, status }: GuestTask): string {
  if (status?.reason === guestFull && status.message) return `${status.message}, and none came in time`;
  return `the agent of host ${spec.nodeName ?? ''} did not take the task in time`;
}

/** Undefined once an agent has claimed it: from then on only that agent's node knows. */
export function givenUpAt(task: GuestTask): number | undefined {
  if (isTaken(task)) return undefined;
  const { startingDeadline, deadline } = task.spec;
  const ends = [startingDeadline, deadline].filter((end) => end !== undefined).map(Date.parse);
  return ends.length > 0 ? Math.min(...ends) + graceMs : undefined;
}

/** Whether an agent has claimed it. */
export function isTaken({ status }: GuestTask): boolean {
  return status?.claim !== undefined || (status?.phase !== undefined && status.phase !== 'Pending');
}
