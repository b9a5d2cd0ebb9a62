import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is waited for, as the end of the sentence "timed out waiting for …". */
  what: string;
  timeoutMs: number;
  intervalMs?: number;
  signal?: AbortSignal | undefined;
  /** Told when the wait is over without success: the place for log tails. */
  hint?: () => string;
}

/**
 * Asks `probe` until it gives something other than undefined or false, and returns that.
 * A probe that throws is asked again; its last error is the cause of the timeout's.
 */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { what, timeoutMs, intervalMs = 50, signal, hint }: EventuallyOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    let cause: unknown;
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      cause = error;
    }
    if (performance.now() >= deadline) {
      throw new Error([`timed out after ${timeoutMs} ms waiting for ${what}`, hint?.()].filter(Boolean).join('\n'), {
        cause,
      });
    }
    await delay(intervalMs, undefined, signal ? { signal } : {});
  }
}

/** Thrown by a probe when waiting on is pointless: ends `eventually` at once. */
export class HopelessError extends Error {
  override name = 'HopelessError';
}
