import { setTimeout as delay } from 'node:timers/promises';

/**
 * Time as the operator sees it. Everything that waits or stamps takes a Clock, so that a simulation can run
 * hours in milliseconds.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch: for timestamps and deadlines that people read. */
  now(): number;
  /** Milliseconds on a clock that never jumps: for durations and timeouts. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `ms` unless the returned function is called first. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** setTimeout fires at once for a longer delay: longer waits are made of several. */
const longestTimeoutMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    for (let left = ms; left >= 0; left -= longestTimeoutMs) {
      try {
        await delay(Math.min(left, longestTimeoutMs), undefined, signal ? { signal } : {});
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
    }
  },
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      const again = left > longestTimeoutMs ? () => arm(left - longestTimeoutMs) : callback;
      timer = setTimeout(again, Math.min(Math.max(0, left), longestTimeoutMs)).unref();
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};

/** An instant as Kubernetes' `metav1.Time` writes it: RFC 3339, UTC, whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** An instant as Kubernetes' `metav1.MicroTime` writes it: RFC 3339, UTC, six decimals. */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
