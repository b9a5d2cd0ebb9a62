import type { Clock } from '../seams/clock.ts';

export interface WorkQueueOptions {
  clock: Clock;
  /** The waits of an item that fails again and again; controller-runtime's are 5 ms to 1000 s. */
  firstRetryMs?: number;
  longestRetryMs?: number;
}

/**
 * Keys that wait to be worked on.
 *
 * INVARIANTS: a key waits at most once; a key being worked on is not handed out again, but waits anew when it is added
 * meanwhile, so that no change is missed and no two workers hold the same key.
 */
export class WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  /** Added while being worked on. */
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor({ clock, firstRetryMs = 5, longestRetryMs = 1_000_000 }: WorkQueueOptions) {
    this.#options = { clock, firstRetryMs, longestRetryMs };
  }

  get length(): number {
    return this.#waiting.size;
  }

  add(key: string): void {
    if (this.#closed) return;
    this.#cancelDelayed(key);
    if (this.#working.has(key)) {
      this.#dirty.add(key);
      return;
    }
    const taker = this.#takers.shift();
    if (!taker) {
      this.#waiting.add(key);
      return;
    }
    this.#working.add(key);
    taker(key);
  }

  /** Adds a key after a while; of several such wishes for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const { clock } = this.#options;
    const at = clock.monotonic() + ms;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.at <= at) return;
    this.#cancelDelayed(key);
    this.#delayed.set(key, { at, cancel: clock.after(ms, () => this.add(key)) });
  }

  /** Adds a key that failed, each time after a longer wait; returns the wait in milliseconds. */
  addRateLimited(key: string): number {
    const { firstRetryMs, longestRetryMs } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const waitMs = Math.min(firstRetryMs * 2 ** failures, longestRetryMs);
    this.addAfter(key, waitMs);
    return waitMs;
  }

  /** The key fared well: its next failure waits short again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, to be given back with `done`; undefined once the queue is closed. */
  async take(): Promise<string | undefined> {
    if (this.#closed) return undefined;
    const [key] = this.#waiting;
    if (key === undefined) return await new Promise((resolve) => this.#takers.push(resolve));
    this.#waiting.delete(key);
    this.#working.add(key);
    return key;
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  /** Hands out nothing more. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #cancelDelayed(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }
}
