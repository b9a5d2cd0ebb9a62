import type { GuestTask } from '../api/resources.ts';
import { isTaskOver, movesOf } from '../api/tasks.ts';
import { actionOf } from './actions/index.ts';
import type { GuestRegistry } from './guest-registry.ts';

/** Of a guest, after a restart: launchers removed the files of those before. */
const mostRecalled = 64;

/** What was delivered last before a restart may still have files in its guest, which may go now. */
export function recallDelivered(tasks: readonly GuestTask[], journalId: string, registry: GuestRegistry): void {
  const delivered = tasks.filter((task) => isDeliveredRun(task, journalId));
  for (const [uuid, runs] of Map.groupBy(delivered, ({ spec }) => spec.guestUID ?? '')) {
    const guest = registry.get(uuid);
    const last = runs.toSorted(byCompletion).slice(-mostRecalled);
    for (const task of last) actionOf(task)?.action.delivered?.(task, guest);
  }
}

/** Whether this journal alone saw a command to its end, and the API server has what came of it. */
function isDeliveredRun(task: GuestTask, journalId: string): boolean {
  const { claim, exec, startTime } = task.status ?? {};
  // What somebody else called over may still run.
  const hasResult = exec?.exitCode !== undefined || exec?.signal !== undefined;
  if (!isTaskOver(task) || !hasResult || claim?.journal !== journalId) return false;
  // One that was taken over was begun before it was claimed by this journal.
  return movesOf(task) === 0 && claim.time === startTime;
}

function byCompletion(a: GuestTask, b: GuestTask): number {
  return Date.parse(a.status?.completionTime ?? '') - Date.parse(b.status?.completionTime ?? '');
}
