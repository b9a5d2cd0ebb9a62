import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { readGuestFacts } from './guest-facts.ts';
import type { GuestRegistry } from './guest-registry.ts';
import { canAnswer } from './guest-status.ts';

export interface FactsReaderOptions {
  registry: GuestRegistry;
  /** What a guest told, or that it did not, is to be written. */
  onRead(uuid: string): void;
  clock: Clock;
  random: Random;
}

/** A guest gets its addresses after its agent starts: once more soon after, then slowly, for what no event tells. */
const soonMs = 20_000;
const slowlyMs = 15 * 60_000;
/** No event tells of a thaw. */
const frozenRetryMs = 5_000;
/** A silent agent costs a lane for seconds: it is asked at this pace. */
const silentRetryMs = 30_000;

/**
 * Asks guests about themselves: when an agent has connected, once more soon after, then slowly. Apart from the inventory,
 * because a guest may take its time, or all the time there is.
 */
export class FactsReader {
  readonly #options: FactsReaderOptions;
  /** When each guest is to be asked next, on the monotonic clock. */
  readonly #due = new Map<string, number>();

  constructor(options: FactsReaderOptions) {
    this.#options = options;
  }

  async reconcile(uuid: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { registry, onRead, clock, random } = this.#options;
    const live = registry.get(uuid);
    if (!live.domain || !canAnswer(live.domain)) {
      this.#due.delete(uuid);
      return {};
    }
    const known = live.health.state === 'answers';
    const dueMs = (this.#due.get(uuid) ?? 0) - clock.monotonic();
    if (known && dueMs > 0) return { requeueAfterMs: dueMs };

    const asked = live.health;
    let pauseMs = known ? slowlyMs * (0.9 + 0.2 * random.next()) : soonMs;
    try {
      const facts = await readGuestFacts(live.agent, signal);
      // An event came in between: what was read may be of a boot that is over.
      if (live.health !== asked) return { requeueAfterMs: 0 };
      live.health = facts ? { state: 'answers', facts } : { state: 'frozen' };
      if (!facts) pauseMs = frozenRetryMs;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (live.health !== asked) return { requeueAfterMs: 0 };
      live.health = { state: 'silent', message: error.message };
      pauseMs = silentRetryMs;
    }
    this.#due.set(uuid, clock.monotonic() + pauseMs);
    registry.changed(uuid);
    onRead(uuid);
    return { requeueAfterMs: pauseMs };
  }
}
