import type { LifecycleEvent } from '../../../guest/hypervisor.ts';
import { LibvirtError, NotConnectedError } from '../../../libvirt/errors.ts';
import type { Clock } from '../../../seams/clock.ts';
import type { LiveGuest } from '../../live-guest.ts';
import type { DomainSight } from './effect.ts';

/** What no event tells is seen by then (C20). */
const lookEveryMs = 1000;

/** Watches one guest's domain from the moment it is made, or begins anew; `close` ends that. */
export class EffectWatch {
  readonly #guest: LiveGuest;
  #bootId: string | undefined;
  readonly #clock: Clock;
  readonly #events = new Set<LifecycleEvent | 'reboot'>();
  readonly #unsubscribe: () => void;
  #news = Promise.withResolvers<void>();
  #goneSince: number | undefined;

  constructor(guest: LiveGuest, clock: Clock) {
    this.#guest = guest;
    this.#clock = clock;
    this.#unsubscribe = guest.agent.watch((event) => {
      if (event.type === 'lifecycle') this.#events.add(event.event);
      if (event.type === 'reboot') this.#events.add('reboot');
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  /** Forgets what it saw so far. `bootId`: the guest's boot when the command is sent, where known. */
  begin(bootId: string | undefined): void {
    this.#bootId = bootId;
    this.#events.clear();
    this.#goneSince = undefined;
  }

  close(): void {
    this.#unsubscribe();
  }

  /** Undefined while libvirt can't be asked; `left` where the guest was moved to another host, perhaps. */
  async look(signal: AbortSignal): Promise<DomainSight | 'left' | undefined> {
    try {
      const askedAt = this.#clock.monotonic();
      const domain = await this.#guest.agent.domain(signal);
      const { departure } = this.#guest;
      departure.see(domain, askedAt);
      if (departure.awaitedMs(this.#clock.monotonic()) > 0) return 'left';
      const here = domain === undefined || domain.agentChannel === 'connected';
      this.#goneSince = here ? undefined : (this.#goneSince ?? this.#clock.monotonic());
      return {
        state: domain?.state,
        events: this.#events,
        bootChanged: isAnother(this.#guest.bootId, this.#bootId),
        agentGoneMs: this.#goneSince === undefined ? 0 : this.#clock.monotonic() - this.#goneSince,
      };
    } catch (error) {
      if (error instanceof LibvirtError || error instanceof NotConnectedError) return undefined;
      throw error;
    }
  }

  /** Resolves when it is worth another look. Rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    try {
      await Promise.race([this.#news.promise, this.#clock.sleep(lookEveryMs, AbortSignal.any([signal, ended.signal]))]);
    } finally {
      ended.abort();
    }
  }
}

function isAnother(bootId: string | undefined, before: string | undefined): boolean {
  return bootId !== undefined && before !== undefined && bootId !== before;
}
