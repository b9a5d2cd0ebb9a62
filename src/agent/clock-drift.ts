import type { GuestStatus } from '../api/schema/guest.ts';
import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { guestGetTime } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import { type Clock, timestamp } from '../seams/clock.ts';

/**
 * How far the guest's clock is ahead of this host's, as half of the way there and back tells it: some milliseconds
 * exact. Undefined where the agent refuses.
 */
export async function clockDrift(agent: GuestAgent, clock: Clock, signal: AbortSignal): Promise<GuestStatus['clock']> {
  let askedAt = clock.now();
  // How long it waited for its turn is no part of the way.
  const beforeSent = () => void (askedAt = clock.now());
  try {
    const nanoseconds = await agent.call(guestGetTime, {}, { priority: callPriority.inventory, signal, beforeSent });
    const answeredAt = clock.now();
    const there = Number(nanoseconds / 1_000_000n);
    return { driftMilliseconds: Math.round(there - (askedAt + answeredAt) / 2), measuredAt: timestamp(answeredAt) };
  } catch (error) {
    if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
    throw error;
  }
}
