import { mountpoints, type SimulatedFilesystems } from './simulated-filesystems.ts';
import type { Timeline } from './timeline.ts';

const shotMs = 1000;
const mostShots = 60;

/** The watchdog that an agent arms in a guest before it freezes it, as the scripts of the guard have it. */
export class SimulatedGuard {
  readonly #timeline: Timeline;
  readonly #filesystems: SimulatedFilesystems;
  #armed: { id: string } | undefined;
  readonly #fired = new Set<string>();

  constructor(timeline: Timeline, filesystems: SimulatedFilesystems) {
    this.#timeline = timeline;
    this.#filesystems = filesystems;
  }

  arm(id: string, seconds: number): void {
    this.#fired.clear();
    const armed = { id };
    this.#armed = armed;
    this.#after(seconds * 1000, () => this.#shoot(armed, mostShots));
  }

  /** Whether it had thawed anything. */
  disarm(id: string): boolean {
    if (this.#armed?.id === id) this.#armed = undefined;
    return this.#fired.has(id);
  }

  /** It is killed, and perhaps all of /run with it. */
  die({ andItsMarks }: { andItsMarks: boolean }): void {
    this.#armed = undefined;
    if (andItsMarks) this.#fired.clear();
  }

  #shoot(armed: { id: string }, left: number): void {
    if (this.#armed !== armed || left === 0) return;
    if (this.#filesystems.unfreeze('guard', mountpoints) > 0) this.#fired.add(armed.id);
    this.#after(shotMs, () => this.#shoot(armed, left - 1));
  }

  /** By the guest's own clock, which stands still with it. */
  #after(ms: number, callback: () => void): void {
    const before = this.#filesystems.stoodStillMs;
    this.#timeline.in(ms, () => {
      const stoodMs = this.#filesystems.stoodStillMs - before;
      if (stoodMs > 0) this.#after(stoodMs, callback);
      else callback();
    });
  }
}
