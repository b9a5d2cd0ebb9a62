import { readBootId } from '../../../guest/boot-id.ts';
import { GuestFile } from '../../../guest/guest-file.ts';
import type { Sent } from '../../../guest/journal.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { Abandoned } from '../action.ts';

/** What looking after a guest takes, with a task or after it. */
export type Care = Pick<Abandoned, 'guest' | 'clock' | 'stopped'>;

/**
 * Closes what an earlier life of this process left open in the guest. A guest that was started anew since has forgotten
 * it, and may have given its number to somebody else.
 */
export async function closeLeftOpen(care: Care, sent: Sent | undefined, handle: number | undefined): Promise<void> {
  const { guest, clock, stopped } = care;
  if (handle === undefined) return;
  if ((await bootIdNow(care)) !== sent?.bootId) return;
  await new GuestFile(guest.agent, handle, { clock, signal: stopped }).close();
}

/** Undefined where the guest doesn't say: Windows has none, and uses numbers of handles once in its life. */
async function bootIdNow({ guest, stopped }: Care): Promise<string | undefined> {
  if (guest.bootId !== undefined) return guest.bootId;
  try {
    return await readBootId(guest.agent, stopped);
  } catch (error) {
    if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
    throw error;
  }
}
