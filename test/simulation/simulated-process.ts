import type { Clock } from '../../src/seams/clock.ts';
import type { Chance } from './chance.ts';
import type { Owner, Timeline } from './timeline.ts';

/** How one call of a process to the world outside goes. */
export interface Course {
  /** Milliseconds until it takes effect; undefined: it never does. */
  effectMs: number | undefined;
  /** Milliseconds until its caller hears of it: after the effect, unless an error is what it hears. */
  answerMs: number;
  /** What the caller hears instead of what came of it. */
  error?: Error | undefined;
  /** The process dies with the call not sent, or in effect but not answered. */
  crash?: 'before' | 'after' | undefined;
}

/**
 * One life of a program. When it is killed, nothing that it waited for comes, what it sent may still arrive, and nothing
 * that it does afterwards reaches anybody: its memory is as good as gone.
 */
export class SimulatedProcess implements Owner {
  readonly name: string;
  readonly clock: Clock;
  readonly chance: Chance;
  /** As SIGTERM. */
  readonly terminate = new AbortController();
  alive = true;
  standsUntil = 0;
  /** Nothing of it reaches the API server until then, and nothing comes back. */
  partitionedUntil = 0;
  readonly #timeline: Timeline;
  readonly #onDeath: (() => void)[] = [];

  constructor(name: string, timeline: Timeline, chance: Chance) {
    this.name = name;
    this.chance = chance;
    this.#timeline = timeline;
    this.clock = timeline.clock(this, {
      skewMs: chance.between(-1000, 1000),
      monotonicMs: Math.round(chance.between(0, 1e6)),
    });
  }

  onDeath(listener: () => void): void {
    this.#onDeath.push(listener);
  }

  /** It ends, by kill -9 or by itself. */
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const listener of this.#onDeath) listener();
    // Nobody hears of it any more, and what waits for it in vain can be freed: Node keeps signals that are listened to.
    this.terminate.abort(new Error('dead'));
  }

  /** As SIGSTOP, or a machine without a processor to spare: it does nothing, and then believes that no time has passed. */
  standStill(ms: number): void {
    this.standsUntil = Math.max(this.standsUntil, this.#timeline.elapsed + ms);
  }

  /** Makes a call to the world outside. */
  call<R>(course: Course, effect: () => R, signal?: AbortSignal): Promise<R> {
    return new Promise((resolve, reject) => {
      if (!this.alive) return;
      if (signal?.aborted) return reject(signal.reason as Error);
      if (course.crash === 'before') return this.die();
      let settle = () => {};
      if (course.effectMs !== undefined) {
        this.#timeline.in(course.effectMs, () => {
          try {
            const result = effect();
            settle = () => resolve(result);
          } catch (error) {
            settle = () => reject(error);
          }
          if (course.crash === 'after') this.die();
        });
      }
      const abort = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const hear = () => {
        signal?.removeEventListener('abort', abort);
        if (course.error) reject(course.error);
        else settle();
      };
      const cancel = this.#timeline.in(course.answerMs, hear, this);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** What somebody else's promise comes to, as long as this process lives to hear it. */
  hear<R>(promise: Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      promise.then(
        (result) => this.#timeline.in(0, () => resolve(result), this),
        (error: unknown) => this.#timeline.in(0, () => reject(error), this),
      );
    });
  }
}
