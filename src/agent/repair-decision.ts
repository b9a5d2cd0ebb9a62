/** What decides whether a guest's channel is mended now. */
export interface RepairObservation {
  /** The channel was found broken, and again on a second look. */
  broken: boolean;
  policy: 'Auto' | 'Manual';
  /** A person asked for it, by an annotation that was not answered yet. */
  asked: boolean;
  /** A freeze holds the guest until then, in milliseconds on the monotonic clock: a repair would thaw it. */
  heldUntil: number | undefined;
  /** How often in a row it was mended without the guest answering afterwards. */
  inVain: number;
  /** When it was mended last, on the monotonic clock. */
  lastAt: number | undefined;
  /** On the monotonic clock. */
  now: number;
}

export type RepairDecision = { do: 'nothing' } | { do: 'wait'; ms: number } | { do: 'replug' };

const firstBackoffMs = 60_000;
const longestBackoffMs = 30 * 60_000;

/** Whether to re-plug a guest's channel now: once per back-off, and never while a freeze holds the guest. */
export function decideRepair({
  broken,
  policy,
  asked,
  heldUntil,
  inVain,
  lastAt,
  now,
}: RepairObservation): RepairDecision {
  if (!broken && !asked) return { do: 'nothing' };
  if (heldUntil !== undefined && now < heldUntil) return { do: 'wait', ms: heldUntil - now };
  if (asked) return { do: 'replug' };
  if (policy === 'Manual') return { do: 'nothing' };
  if (lastAt === undefined || inVain === 0) return { do: 'replug' };
  const dueAt = lastAt + Math.min(longestBackoffMs, firstBackoffMs * 2 ** (inVain - 1));
  return now >= dueAt ? { do: 'replug' } : { do: 'wait', ms: dueAt - now };
}
