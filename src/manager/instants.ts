/**
 * A duration of a spec in milliseconds. Kubernetes' timestamps are cut to whole seconds: a second more keeps a deadline
 * from coming early.
 */
export function deadlineMs(seconds: number): number {
  return (seconds + 1) * 1000;
}

/** In how many milliseconds the next of these instants comes; undefined when none is ahead. */
export function nextLook(now: number, instants: readonly (number | undefined)[]): number | undefined {
  const ahead = instants.filter((at): at is number => at !== undefined && Number.isFinite(at) && at > now);
  return ahead.length > 0 ? Math.min(...ahead) - now : undefined;
}
