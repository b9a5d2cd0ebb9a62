import { callPriority, type GuestAgent } from '../../../guest/guest-agent.ts';
import type { Command } from '../../../qga/command.ts';
import { AgentError } from '../../../qga/errors.ts';

export interface ReadSignals {
  stopped: AbortSignal;
  /** Nothing is to be sent any more: rejects with its reason where it was not on its way yet. */
  withdrawn?: AbortSignal;
}

/** What the guest says of itself, or undefined where it doesn't: what is only told beside a result may be missing. */
export async function readBack<R>(
  agent: GuestAgent,
  command: Command<Record<string, never>, R>,
  { stopped: signal, withdrawn: unlessSent }: ReadSignals,
): Promise<R | undefined> {
  try {
    return await agent.call(command, {}, { priority: callPriority.action, signal, unlessSent });
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}
