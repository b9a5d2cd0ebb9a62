import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { guestInfo } from '../qga/commands.ts';
import { AgentError, type AgentErrorCode } from '../qga/errors.ts';

/** How those end that have cost seconds, and a lane. */
const codesOfSlow = new Set<AgentErrorCode>(['TimedOut', 'Unresponsive', 'Busy']);
const mostSlow = 2;

/**
 * Asks a guest what it may leave unanswered: undefined then. Throws an AgentError when it answers nothing else either, or,
 * where the answer is `needed` if there is one, when it neither answers that nor refuses.
 */
export type OptionalQuestion = <R>(ask: () => Promise<R>, need?: 'needed') => Promise<R | undefined>;

/**
 * Tells a question that a guest's agent is slow to answer, or answers oddly, from an agent that does not answer at all.
 * After some of the slow ones it asks no more.
 */
export function optionalQuestions(agent: GuestAgent, signal: AbortSignal): OptionalQuestion {
  let slow = 0;
  return async (ask, need) => {
    if (slow >= mostSlow) return undefined;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (error.outcome === 'Refused') return undefined;
      if (need) throw error;
      if (error.code === 'MalformedReply') return undefined;
      if (codesOfSlow.has(error.code)) slow += 1;
      // No agent refuses it, which is more than can be said of guest-ping.
      await agent.call(guestInfo, {}, { priority: callPriority.inventory, signal });
      return undefined;
    }
  };
}
