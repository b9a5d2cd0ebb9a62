import type { GuestAgent } from '../../guest/guest-agent.ts';
import { runScript } from '../../guest/run-script.ts';
import { guestExec } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Ending } from './action.ts';
import { endingOfRefusal } from './refusal.ts';

/** Why the agent refused to start a command. Undefined where a later try may fare better. */
export async function whyExecWasRefused(
  agent: GuestAgent,
  guestName: string,
  refusal: AgentError,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Ending | undefined> {
  return await endingOfRefusal(agent, guestName, guestExec.name, signal, async () => {
    // It may have been frozen only until now.
    if (await startsNow(agent, clock, signal)) return undefined;
    const message = `the guest's agent could not start /bin/sh, which every command runs under: ${refusal.message}`;
    return { phase: 'Failed', reason: 'ShellNotStarted', message };
  });
}

/** Whether the agent starts a shell after all: one that does nothing. */
async function startsNow(agent: GuestAgent, clock: Clock, signal: AbortSignal): Promise<boolean> {
  try {
    await runScript(agent, ':\n', { clock, signal });
    return true;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return error.outcome !== 'Refused';
  }
}
