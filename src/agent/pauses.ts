import type { Clock } from '../seams/clock.ts';

/** Tasks that wait a while after a try that came to nothing, whatever wakes them meanwhile. */
export class Pauses {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(uid: string, ms: number): void {
    this.#until.set(uid, this.#clock.monotonic() + ms);
  }

  /** How many milliseconds a task still waits; 0 or less: it doesn't. */
  left(uid: string): number {
    const left = (this.#until.get(uid) ?? 0) - this.#clock.monotonic();
    if (left <= 0) this.#until.delete(uid);
    return left;
  }

  forget(uid: string): void {
    this.#until.delete(uid);
  }
}
