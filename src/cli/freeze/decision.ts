import { type FsFreezeWindow, fsFreezeWindows } from '../../api/resources.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import type { Session } from '../connect/session.ts';
import { isDecided, waitingLine } from './outcome.ts';
import type { FreezeRequest } from './window.ts';

/** A manager that is there has decided so long after the last guest could be prepared. */
const marginMs = 15_000;
/** A guest takes so long at most to freeze, once it is told to: a slow hook of its agent, or Windows' shadow copies. */
const slowestFreezeMs = 60_000;

/** The window waits for a manager, and none is there. */
export class NoManagerActed extends Error {
  override readonly name = 'NoManagerActed';
  readonly code = 'NoManagerActed';
}

/**
 * The window once all are frozen, or won't be; undefined when somebody deleted it. Only a manager ends the wait for guests:
 * rejects with a NoManagerActed when it doesn't.
 */
export async function untilDecided(
  { cluster, clock, signal, tell }: Session,
  { metadata }: FsFreezeWindow,
  { seconds, waitSeconds }: FreezeRequest,
): Promise<FsFreezeWindow | undefined> {
  const idle = new AbortController();
  const begunAt = clock.monotonic();
  const giveUp = () => {
    const waited = Math.round((clock.monotonic() - begunAt) / 1000);
    const message = `no manager has seen to window ${metadata.name} for ${waited}s: kubectl qga doctor tells whether one leads`;
    idle.abort(new NoManagerActed(message));
  };
  let last: FsFreezeWindow | undefined;
  let cancel = clock.after(waitSeconds * 1000 + marginMs, () => {
    if (last?.status?.phase !== 'Preparing') giveUp();
    else cancel = clock.after(Math.min(seconds * 1000, slowestFreezeMs), giveUp);
  });
  let told = '';
  const states = follow(cluster, fsFreezeWindows, metadata, clock, AbortSignal.any([signal, idle.signal]));
  try {
    return await untilHolds(states, isDecided, (seen) => {
      last = seen;
      const line = waitingLine(seen.status);
      if (line !== told && process.stderr.isTTY) tell(line);
      told = line;
    });
  } finally {
    cancel();
  }
}
