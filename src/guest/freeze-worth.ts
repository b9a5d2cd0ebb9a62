import type { FreezeResult } from '../api/schema/freeze.ts';
import type { FreezeEnd, Hold } from './hold.ts';

/** How a freeze ended, and what a backup that was taken meanwhile is worth. */
export interface HoldOutcome {
  succeeded: boolean;
  reason: string;
  message: string;
  result: FreezeResult;
}

/** These ends are what somebody asked for. */
const asAsked: ReadonlySet<FreezeEnd> = new Set<FreezeEnd>(['Release', 'Deletion', 'Deadline']);

/** What a hold that is over was worth: consistent only if it is proven frozen from its first to its last instant. Pure. */
export function worthOf(hold: Hold): HoldOutcome {
  const { ending = { by: 'FreezeFailed' }, lost, result } = hold;
  const { frozenAt, thawRequestedAt } = result;
  if (frozenAt === undefined) return neverHeld(hold);
  if (lost !== undefined) {
    return {
      succeeded: false,
      reason: (ending.by === 'FreezeFailed' && ending.reason) || 'ConsistencyLost',
      message: lost,
      result: { ...result, verdict: 'ConsistencyLost', endedBy: ending.by },
    };
  }
  const evidence: FreezeResult = { ...result, verdict: 'Consistent', endedBy: ending.by };
  if (asAsked.has(ending.by)) return { succeeded: true, reason: 'Completed', message: '', result: evidence };
  const message = ending.message ?? `thawed early, at ${thawRequestedAt}: what was copied later is not consistent`;
  return { succeeded: false, reason: ending.reason ?? ending.by, message, result: evidence };
}

/** No agent ever said that the guest was frozen. */
function neverHeld({ ending, result }: Hold): HoldOutcome {
  const { by = 'FreezeFailed', reason, message } = ending ?? {};
  const mayHaveBeenFrozen = result.thawedAt !== undefined && result.filesystems?.frozen !== 0;
  if (asAsked.has(by) && result.thawedAt === undefined) {
    return {
      succeeded: false,
      reason: 'Released',
      message: released,
      result: { ...result, verdict: 'Skipped', endedBy: by },
    };
  }
  return {
    succeeded: false,
    reason: reason ?? by,
    message: message ?? 'the freeze was not answered',
    result: { ...result, endedBy: by, ...(mayHaveBeenFrozen && { verdict: 'ConsistencyLost' as const }) },
  };
}

const released = 'let go before it was frozen: nothing was frozen';
