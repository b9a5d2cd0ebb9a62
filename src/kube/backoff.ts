import type { Random } from '../seams/random.ts';

export interface BackoffOptions {
  firstMs: number;
  longestMs: number;
}

/** Ever longer waits, each between half of its full length and all of it, so that many who failed at once don't return at once. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #fullMs: number;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#fullMs = options.firstMs;
  }

  /** How long to wait this time, in milliseconds. */
  next(): number {
    const full = this.#fullMs;
    this.#fullMs = Math.min(full * 2, this.#options.longestMs);
    return full * (0.5 + this.#random.next() / 2);
  }

  reset(): void {
    this.#fullMs = this.#options.firstMs;
  }
}
