/** What came over a guest's serial console, without its line's end. */
export interface ConsoleLine {
  /** When the host saw it: milliseconds since the epoch. */
  at: number;
  text: string;
}

/**
 * A time in which a guest's filesystem was frozen, as milliseconds since the epoch by the host's clock: from the last
 * write that was done before to the first after. So the true one lies within, and is shorter by some writes' pace.
 */
export interface FrozenInterval {
  from: number;
  /** Absent while it lasts. */
  to?: number;
}

/**
 * What the lines of guest-common/watch-writes.c tell of freezes (C41). A write that takes long for another reason, a
 * slow disk perhaps, is none; two freezes without a write in between are one. A new boot of the guest ends it too.
 */
export function frozenIntervals(lines: readonly ConsoleLine[]): FrozenInterval[] {
  const intervals: FrozenInterval[] = [];
  let lastDone: number | undefined;
  let frozen: FrozenInterval | undefined;
  for (const { at, text } of lines) {
    // The end of the line only: the kernel or a shell may have left the start of it.
    const said = /(write \d+ done|write \d+ frozen| is up)$/.exec(text)?.[1];
    if (said === undefined) continue;
    if (said.endsWith('frozen')) {
      if (frozen) continue;
      frozen = { from: lastDone ?? at };
      intervals.push(frozen);
    } else {
      if (frozen) frozen.to = at;
      frozen = undefined;
      lastDone = at;
    }
  }
  return intervals;
}
