import type { GuestTask } from './resources.ts';
import type { TaskPhase } from './schema/guest-task.ts';

/** The phases of a task that has not come to its end. */
export const openPhases: readonly TaskPhase[] = ['Pending', 'Claimed', 'Running', 'Held'];

/** Why a task waits whose guest runs as many as it may: its agent is there, and takes it when another ends. */
export const guestFull = 'GuestFull';

/** Whether a task in this phase has come to its end; without a phase it has not begun. */
export function isOverPhase(phase: TaskPhase | undefined): boolean {
  return phase !== undefined && !openPhases.includes(phase);
}

/** Whether a task has come to its end. */
export function isTaskOver({ status }: GuestTask): boolean {
  return isOverPhase(status?.phase);
}

/** How many times it has followed its guest to another host. */
export function movesOf({ spec }: GuestTask): number {
  return spec.moves ?? 0;
}
