import type { Clock } from '../seams/clock.ts';

/**
 * Makes a call under a signal that aborts with the given one, or with `late()` after `ms`. Ends with what the call ends with.
 *
 * By hand because it is on the way of every request: AbortSignal.any and AbortSignal.timeout take ten times the processor
 * time, and hold on to a hundred megabytes under load.
 */
export async function within<R>(
  clock: Clock,
  ms: number,
  late: () => Error,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  signal?.throwIfAborted();
  const bounded = new AbortController();
  const follow = () => bounded.abort(signal?.reason);
  const cancel = clock.after(ms, () => bounded.abort(late()));
  signal?.addEventListener('abort', follow, { once: true });
  try {
    return await call(bounded.signal);
  } finally {
    cancel();
    signal?.removeEventListener('abort', follow);
  }
}
