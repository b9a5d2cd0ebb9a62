import type { GuestTask } from '../api/resources.ts';
import type { Clock } from '../seams/clock.ts';
import { longestLeadMs } from './freeze-task.ts';

/** Of what the slowest guest took. */
const factor = 2;
const shortestMs = 500;
/** After a restart, without a measure. */
const unmeasuredMs = 2000;

/**
 * How far ahead a common instant is named: twice as long as the slowest guest took from the making of its task until it
 * was seen to be prepared, its hooks left out. That was a write, a watch and some calls of the guest, and as much lies
 * between the naming of an instant and a guest that is ready for it: its guard is armed for that very instant, all guests'
 * at once, which takes longer than one after the other as tasks are made. Nothing is frozen meanwhile, so that too long a
 * time costs only time, while a guest that is late is frozen late. The hosts' clocks are taken to agree with the
 * manager's: NTP is assumed.
 */
export class BarrierLead {
  readonly #clock: Clock;
  /** By the task's name, on the monotonic clock. */
  readonly #madeAt = new Map<string, number>();
  #slowestMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get ms(): number {
    if (this.#slowestMs === undefined) return unmeasuredMs;
    return Math.min(longestLeadMs, Math.max(shortestMs, factor * this.#slowestMs));
  }

  /** A task is about to be made. */
  begin({ metadata }: GuestTask): void {
    this.#madeAt.set(metadata.name, this.#clock.monotonic());
  }

  /** Takes the time of those that have become prepared. */
  look(tasks: readonly GuestTask[]): void {
    for (const { metadata, status } of tasks) {
      const madeAt = this.#madeAt.get(metadata.name);
      if (madeAt === undefined || status?.freeze?.preparedAt === undefined) continue;
      this.#madeAt.delete(metadata.name);
      let tookMs = this.#clock.monotonic() - madeAt;
      for (const { seconds = 0 } of status.freeze.hooks ?? []) tookMs -= seconds * 1000;
      this.#slowestMs = Math.max(this.#slowestMs ?? 0, tookMs);
    }
  }
}
