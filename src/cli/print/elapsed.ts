const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** A time span as kubectl shows ages: 9s, 5m3s, 3h, 12d. Of what lies in the future: 0s. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const first = units.findIndex(([, size]) => seconds >= size);
  const [unit, size] = units[first] ?? units[3];
  const count = Math.floor(seconds / size);
  const finer = units[first + 1];
  if (!finer || count >= 10) return `${count}${unit}`;
  const rest = Math.floor((seconds - count * size) / finer[1]);
  return rest > 0 ? `${count}${unit}${rest}${finer[0]}` : `${count}${unit}`;
}

/** Since an instant in RFC 3339. */
export function since(time: string | undefined, now: number): string | undefined {
  return time === undefined ? undefined : elapsed(now - Date.parse(time));
}
