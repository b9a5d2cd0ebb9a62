import type { GuestStatus } from '../api/schema/guest.ts';
import type { GuestAgent } from '../guest/guest-agent.ts';
import { canAnswer } from '../guest/hypervisor.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { clockDrift } from './clock-drift.ts';
import { readGuestFacts } from './guest-facts.ts';
import type { GuestRegistry } from './guest-registry.ts';
import type { AgentHealth } from './live-guest.ts';

export interface FactsReaderOptions {
  registry: GuestRegistry;
  /** The value of the annotation by which somebody asks for a look now, as long as it was not answered. */
  wishOf(uuid: string): string | undefined;
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

/** Whether a channel is broken or was only so for a moment is soon looked at again. */
const secondLookMs = 1000;

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
    const { registry, onRead, wishOf, clock, random } = this.#options;
    const live = registry.find(uuid);
    if (!live?.domain || !canAnswer(live.domain)) {
      this.#due.delete(uuid);
      return {};
    }
    // A frozen guest tells nothing (C23), and one that is to be frozen at an instant must not be busy then.
    if (live.heldUntil !== undefined) return {};
    const known = live.health.state === 'answers';
    const dueMs = (this.#due.get(uuid) ?? 0) - clock.monotonic();
    const wish = wishOf(uuid);
    if (known && dueMs > 0 && wish === undefined) return { requeueAfterMs: dueMs };

    const asked = live.health;
    let pauseMs = known ? slowlyMs * (0.9 + 0.2 * random.next()) : soonMs;
    try {
      const facts = await readGuestFacts(live.agent, signal);
      const drift = facts && wish !== undefined ? await this.#drift(live.agent, signal) : undefined;
      // An event came in between: what was read may be of a boot that is over.
      if (live.health !== asked) return { requeueAfterMs: 0 };
      if (facts) live.health = { state: 'answers', facts };
      else live.health = { state: 'frozen', since: asked.state === 'frozen' ? asked.since : clock.now() };
      if (!facts) pauseMs = frozenRetryMs;
      else if (wish !== undefined) live.refreshed = { wish, ...(drift && { clock: drift }) };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (live.health !== asked) return { requeueAfterMs: 0 };
      live.health = healthAfter(error, asked);
      pauseMs = live.health.state === 'silent' && live.health.suspect ? secondLookMs : silentRetryMs;
    }
    this.#due.set(uuid, clock.monotonic() + pauseMs);
    registry.changed(uuid);
    onRead(uuid);
    return { requeueAfterMs: pauseMs };
  }

  /** How its clock stands; undefined where it does not tell, which takes nothing from what it has told. */
  async #drift(agent: GuestAgent, signal: AbortSignal): Promise<GuestStatus['clock']> {
    try {
      return await clockDrift(agent, this.#options.clock, signal);
    } catch (error) {
      if (error instanceof AgentError) return undefined;
      throw error;
    }
  }
}

/** Broken is only what is found so twice in a row: libvirt says the same of a channel that is just being closed. */
function healthAfter({ code, message }: AgentError, before: AgentHealth): AgentHealth {
  if (code !== 'ChannelBroken') return { state: 'silent', message };
  const twice = before.state === 'broken' || (before.state === 'silent' && before.suspect);
  return twice ? { state: 'broken', message } : { state: 'silent', message, suspect: true };
}
