import { readBootId } from '../../../guest/boot-id.ts';
import { GuestFile } from '../../../guest/guest-file.ts';
import type { Sent } from '../../../guest/journal.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { Abandoned } from '../action.ts';

/** What looking after a guest takes, with a task or after it. */
export type Care = Pick<Abandoned, 'guest' | 'clock' | 'stopped'> & {
  /** Nobody waits for the task any longer. */
  withdrawn?: AbortSignal;
};

const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** What can't be closed for so long stays open until the guest's agent ends. */
const longestMs = 15 * 60_000;

/**
 * Closes what an earlier life of this process left open in the guest. A guest that was started anew since has forgotten
 * it, and may have given its number to somebody else; one that is off has nothing open. Whoever waits for the task is not
 * kept by a guest that can't be reached, and only by one that is frozen.
 */
export async function closeLeftOpen(care: Care, sent: Sent | undefined, handle: number | undefined): Promise<void> {
  const { guest, clock, stopped, withdrawn } = care;
  if (handle === undefined) return;
  const until = clock.monotonic() + longestMs;
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    const boot = await bootNow(care);
    if (typeof boot !== 'string') {
      if (boot.id !== sent?.bootId) return;
      await new GuestFile(guest.agent, handle, { clock, signal: stopped }).close();
      return;
    }
    const unwanted = boot === 'unreachable' && withdrawn?.aborted;
    if (boot === 'gone' || unwanted || clock.monotonic() > until) return;
    await clock.sleep(waitMs, stopped);
  }
}

/** `id` is undefined where the guest has none: Windows, which uses numbers of handles once in its life. */
async function bootNow({
  guest,
  stopped,
}: Care): Promise<{ id: string | undefined } | 'gone' | 'frozen' | 'unreachable'> {
  if (guest.bootId !== undefined) return { id: guest.bootId };
  try {
    return { id: await readBootId(guest.agent, stopped) };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.outcome === 'Refused') return (await guest.agent.isFrozen(stopped)) ? 'frozen' : { id: undefined };
    return (await guest.agent.isGone(error, stopped)) ? 'gone' : 'unreachable';
  }
}
