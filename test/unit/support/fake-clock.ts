import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../src/seams/clock.ts';

interface Timer {
  at: number;
  fire: () => void;
}

/** A clock that stands still until a test moves it: hours in milliseconds, and the same each time. */
export class FakeClock implements Clock {
  readonly #start: number;
  #elapsed = 0;
  readonly #timers = new Set<Timer>();

  constructor(start = Date.parse('2026-01-01T12:00:00Z')) {
    this.#start = start;
  }

  /** How many sleep or wait for a callback. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#elapsed + Math.max(0, ms), fire: callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves on by `ms`. What falls due happens in its order, each time with everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settled();
    for (let next = this.#nextUntil(end); next; next = this.#nextUntil(end)) {
      this.#timers.delete(next);
      this.#elapsed = next.at;
      next.fire();
      await settled();
    }
    this.#elapsed = end;
  }

  #nextUntil(end: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && timer.at < (earliest?.at ?? Infinity)) earliest = timer;
    return earliest;
  }
}

/** Resolves when every promise that could go on has gone on: a macrotask comes after all microtasks. */
export async function settled(): Promise<void> {
  await setImmediate();
}
