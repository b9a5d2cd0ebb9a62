import { failureReason } from '../../../guest/failure-reason.ts';
import type { AgentError } from '../../../qga/errors.ts';
import type { ActionRun, Ending } from '../action.ts';
import { endingOfRefusal } from '../refusal.ts';

/**
 * How an action on a file ended that the agent did not carry out. `command` is what it refused. Undefined where a later
 * try may fare better. `own` says what to do about a reason of the agent's own.
 */
export async function endingOfFileError(
  { task, guest, stopped }: ActionRun,
  error: AgentError,
  command: string,
  own: () => Promise<Ending>,
): Promise<Ending | undefined> {
  if (error.retryable) return undefined;
  if (error.outcome !== 'Refused') return { phase: 'Failed', reason: failureReason(error), message: error.message };
  return await endingOfRefusal(guest.agent, task.spec.guestName, command, stopped, own);
}
