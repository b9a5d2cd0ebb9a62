import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { FreezeEnder, Freezer, FrozenInterval, Truth } from './truth.ts';

export interface SimulatedFilesystemsOptions {
  guest: string;
  name: string;
  timeline: Timeline;
  truth: Truth;
  trace: Trace | undefined;
}

export const mountpoints = ['/', '/data'] as const;

/** What the kernel of a guest has frozen, and what the guest's agent believes of it, which is another matter (C24, C38). */
export class SimulatedFilesystems {
  /** What the agent says, whatever somebody thawed without it. */
  saidFrozen = false;
  #saidBy: Freezer | undefined;
  /** How long the guest's own clock has stood still in all. */
  #stoodStillMs = 0;
  #standsSince: number | undefined;
  readonly #frozen = new Map<string, FrozenInterval>();
  readonly #options: SimulatedFilesystemsOptions;

  constructor(options: SimulatedFilesystemsOptions) {
    this.#options = options;
  }

  get frozen(): boolean {
    return this.#frozen.size > 0;
  }

  /** As the agent does it: how many it froze. It passes over what somebody else holds frozen (C26). */
  freeze(by: Freezer, which: readonly string[] = mountpoints): number {
    const count = this.hold(by, which);
    if (count === 0) return 0;
    this.saidFrozen = true;
    this.#saidBy = by;
    return count;
  }

  /** As the kernel does it, without the agent's knowledge: how many were not frozen before. */
  hold(by: Freezer, which: readonly string[]): number {
    const { timeline, truth, guest } = this.#options;
    const thawed = which.filter((mountpoint) => !this.#frozen.has(mountpoint));
    for (const mountpoint of thawed) {
      this.#frozen.set(
        mountpoint,
        truth.froze({ guest, mountpoint, by, from: timeline.elapsed, stoodStillMs: this.stoodStillMs }),
      );
    }
    if (thawed.length > 0) this.#say(`FREEZES ${thawed.join(' and ')} for ${by}`);
    return thawed.length;
  }

  /** As the agent does it: how many it found frozen. */
  thaw(by: FreezeEnder): number {
    this.saidFrozen = false;
    return this.unfreeze(by, mountpoints);
  }

  /** A person who froze it and is done. */
  letGo(): void {
    if (this.saidFrozen && this.#saidBy === 'somebody') this.thaw('somebody');
  }

  /** As the kernel does it, without the agent's knowledge: how many were frozen. */
  unfreeze(by: FreezeEnder, which: readonly string[]): number {
    let thawed = 0;
    for (const mountpoint of which) {
      const interval = this.#frozen.get(mountpoint);
      if (!interval) continue;
      this.#frozen.delete(mountpoint);
      interval.end = { by, at: this.#options.timeline.elapsed, stoodStillMs: this.stoodStillMs };
      thawed++;
    }
    if (thawed > 0) this.#say(`THAWS ${thawed} by ${by}`);
    return thawed;
  }

  get stoodStillMs(): number {
    const since = this.#standsSince;
    return this.#stoodStillMs + (since === undefined ? 0 : this.#options.timeline.elapsed - since);
  }

  stand(): void {
    this.#standsSince ??= this.#options.timeline.elapsed;
  }

  goOn(): void {
    this.#stoodStillMs = this.stoodStillMs;
    this.#standsSince = undefined;
  }

  #say(what: string): void {
    this.#options.trace?.say(this.#options.name, what);
  }
}
