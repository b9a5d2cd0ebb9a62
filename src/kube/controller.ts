import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import { isConflict } from './errors.ts';
import { within } from './within.ts';
import { WorkQueue } from './work-queue.ts';

/** How one reconcile went. */
export type ReconcileResult = 'success' | 'requeue_after' | 'conflict' | 'error';

export interface ControllerOptions {
  /** Names the controller in logs and metrics. */
  name: string;
  /**
   * Every key there is. All are looked at when the controller begins, and so nothing is kept for it before: one that
   * stands by, for weeks perhaps, collects no keys of objects that are gone.
   */
  keys: () => Iterable<string>;
  /**
   * Looks at what is and does what is next. It is told which object, never what happened to it, and must bear being
   * called too often. Rejecting means: again, after a growing wait.
   */
  reconcile: (key: string, signal: AbortSignal) => Promise<{ requeueAfterMs?: number } | void>;
  /** How many keys at once; never the same one twice. */
  concurrency: number;
  timeoutMs?: number;
  clock: Clock;
  logger: Logger;
  onReconciled?: (controller: string, result: ReconcileResult, seconds: number) => void;
}

const defaultTimeoutMs = 120_000;
const longestRetryMs = 60_000;

/** Brings objects, by their keys, to where they should be: a work queue and those who work it off. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  #begun = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({ clock: options.clock, longestRetryMs });
  }

  get name(): string {
    return this.#options.name;
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /** Asks for a look at an object; of no use before the controller runs, which begins with a look at all. */
  enqueue(key: string): void {
    if (this.#begun) this.#queue.add(key);
  }

  enqueueAfter(key: string, ms: number): void {
    if (this.#begun) this.#queue.addAfter(key, ms);
  }

  /** Looks at all there is, then at what changes, until the signal aborts; lets what is under way come to its end. */
  async run(signal: AbortSignal): Promise<void> {
    const close = () => this.#queue.close();
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    // In one go: what changes after this is told, what changed before is seen.
    this.#begun = true;
    for (const key of this.#options.keys()) this.#queue.add(key);
    await Promise.all(Array.from({ length: this.#options.concurrency }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      const { clock, name, onReconciled } = this.#options;
      const startedAt = clock.monotonic();
      const result = await this.#reconcile(key, signal);
      onReconciled?.(name, result, (clock.monotonic() - startedAt) / 1000);
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string, stopped: AbortSignal): Promise<ReconcileResult> {
    const { reconcile, timeoutMs = defaultTimeoutMs, clock, logger, name } = this.#options;
    const late = () => new Error(`reconciling took over ${timeoutMs} ms`);
    try {
      const { requeueAfterMs } =
        (await within(clock, timeoutMs, late, stopped, async (signal) => reconcile(key, signal))) ?? {};
      this.#queue.forget(key);
      if (requeueAfterMs === undefined) return 'success';
      this.#queue.addAfter(key, requeueAfterMs);
      return 'requeue_after';
    } catch (error) {
      if (stopped.aborted) return 'success';
      const waitMs = this.#queue.addRateLimited(key);
      // The cache was behind: everyday business, no news for a log.
      if (isConflict(error)) return 'conflict';
      logger.error({ err: error, controller: name, key, waitMs }, 'reconciling failed: trying again');
      return 'error';
    }
  }
}
