import { setTimeout as delay } from 'node:timers/promises';

/** Time as this library needs it, so that a test can rule it. */
export interface Clock {
  /** Milliseconds on a clock that never jumps. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** The promise's outcome, or `onTimeout`'s error after `ms`; the promise itself goes on. */
export async function within<T>(promise: Promise<T>, ms: number, clock: Clock, onTimeout: () => Error): Promise<T> {
  const timer = new AbortController();
  const tooLate = clock.sleep(ms, timer.signal).then(
    () => {
      throw onTimeout();
    },
    // The promise was faster.
    () => promise,
  );
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    timer.abort();
  }
}
