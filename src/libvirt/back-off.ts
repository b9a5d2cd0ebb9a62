import type { Clock } from './clock.ts';

export interface BackOffOptions {
  /** A number in [0, 1). */
  random: () => number;
  clock: Clock;
}

const firstMs = 250;
const longestMs = 10_000;

/**
 * Delays between attempts to connect: twice as long each time, up to 10 s, of which a random half is taken off, lest
 * all clients of a restarted daemon come at once. A connection that stood for 10 s starts them anew.
 */
export class BackOff {
  readonly #random: () => number;
  readonly #clock: Clock;
  #nextMs = firstMs;
  #connectedAt: number | undefined;

  constructor({ random, clock }: BackOffOptions) {
    this.#random = random;
    this.#clock = clock;
  }

  connected(): void {
    this.#connectedAt = this.#clock.monotonic();
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next(): number {
    if (this.#connectedAt !== undefined && this.#clock.monotonic() - this.#connectedAt >= longestMs) {
      this.#nextMs = firstMs;
    }
    this.#connectedAt = undefined;
    const ms = this.#nextMs * (1 - this.#random() / 2);
    this.#nextMs = Math.min(longestMs, this.#nextMs * 2);
    return ms;
  }
}
