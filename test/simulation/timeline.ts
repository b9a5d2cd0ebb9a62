import type { Clock } from '../../src/seams/clock.ts';

/** Whom a moment happens to: nothing happens any more to who is dead, and only later to who stands still. */
export interface Owner {
  readonly alive: boolean;
  readonly standsUntil: number;
}

interface Moment {
  at: number;
  order: number;
  happen: (() => void) | undefined;
  owner: Owner | undefined;
}

const epoch = Date.parse('2026-01-01T12:00:00Z');

/**
 * Simulated time. What is to happen happens in its order, each time with everything that follows from it; hours take
 * milliseconds, and the same seed takes the same course.
 */
export class Timeline {
  #elapsed = 0;
  #order = 0;
  /** A binary heap, the earliest first. */
  readonly #moments: Moment[] = [];

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** Milliseconds since the Unix epoch. */
  get now(): number {
    return epoch + this.#elapsed;
  }

  /** When, in milliseconds since the beginning, a true clock shows this time. */
  elapsedAt(time: string): number {
    return Date.parse(time) - epoch;
  }

  /** Lets something happen after a while; returns a function that prevents it. */
  in(ms: number, happen: () => void, owner?: Owner): () => void {
    const moment: Moment = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, happen, owner };
    this.#push(moment);
    return () => {
      moment.happen = undefined;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.in(ms, resolve));
  }

  /** A clock as one process has it: wrong by `skewMs`, and counting from its own start. */
  clock(owner: Owner, { skewMs, monotonicMs }: { skewMs: number; monotonicMs: number }): Clock {
    const after = (ms: number, callback: () => void) => this.in(ms, callback, owner);
    return {
      now: () => Math.round(this.now + skewMs),
      monotonic: () => monotonicMs + this.#elapsed,
      after,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        await new Promise<void>((resolve, reject) => {
          const abort = () => {
            cancel();
            reject(signal?.reason as Error);
          };
          const cancel = after(ms, () => {
            signal?.removeEventListener('abort', abort);
            resolve();
          });
          signal?.addEventListener('abort', abort, { once: true });
        });
      },
    };
  }

  /** Goes on until `isOver`, for at most so long; true when it came to that. */
  run(isOver: () => boolean, mostMs: number): Promise<boolean> {
    const end = this.#elapsed + mostMs;
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (isOver()) return resolve(true);
          const next = this.#pop(end);
          if (!next) {
            this.#elapsed = end;
            return resolve(false);
          }
          this.#elapsed = next.at;
          next.happen?.();
        } catch (error) {
          return reject(error);
        }
        // A tick that a microtask asks for comes when no microtask is left: everything that follows has then followed.
        queueMicrotask(() => process.nextTick(step));
      };
      step();
    });
  }

  #pop(end: number): Moment | undefined {
    for (let first = this.#moments[0]; first && first.at <= end; first = this.#moments[0]) {
      this.#removeFirst();
      const { happen, owner } = first;
      if (!happen || owner?.alive === false) continue;
      if (!owner || owner.standsUntil <= first.at) return first;
      this.#push({ at: owner.standsUntil, order: this.#order++, happen: () => first.happen?.(), owner });
    }
    return undefined;
  }

  #push(moment: Moment): void {
    const heap = this.#moments;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isEarlier(moment, heap[parent] as Moment)) break;
      heap[at] = heap[parent] as Moment;
      at = parent;
    }
    heap[at] = moment;
  }

  #removeFirst(): void {
    const heap = this.#moments;
    const last = heap.pop() as Moment;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1] as Moment, heap[child] as Moment)) child++;
      if (!isEarlier(heap[child] as Moment, last)) break;
      heap[at] = heap[child] as Moment;
      at = child;
    }
    heap[at] = last;
  }
}

function isEarlier(a: Moment, b: Moment): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
