const units = { h: 3_600_000, m: 60_000, s: 1000 } as const;

/** A duration of a spec, hours, minutes and seconds in this order as in `720h` or `1h30m`, in milliseconds. */
export function durationMs(text: string): number {
  const parts = text.matchAll(/(\d+)([hms])/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}
