import type { Clock } from '../seams/clock.ts';

/** A guest that hangs keeps nobody waiting for longer. */
const longestCalmMs = 250;

/**
 * The freezes of one host that are sent and not yet answered. Guests of a group are frozen at one instant: whatever the
 * host does while the first have answered and the last have not, puts the last off.
 */
export class FreezesUnderWay {
  readonly #clock: Clock;
  #count = 0;
  #calm = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends with what the freeze ends with. */
  async send<R>(freeze: () => Promise<R>): Promise<R> {
    if (this.#count === 0) this.#calm = Promise.withResolvers<void>();
    this.#count += 1;
    try {
      return await freeze();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) this.#calm.resolve();
    }
  }

  /** Resolves when none is under way, or 250 ms from now: what can wait comes after it. */
  async calm(): Promise<void> {
    if (this.#count === 0) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(longestCalmMs, late.resolve);
    await Promise.race([this.#calm.promise, late.promise]);
    cancel();
  }
}
