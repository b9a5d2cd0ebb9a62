import { type Domain, type HypervisorEvent, isOff, stoppedDetail } from '../guest/hypervisor.ts';

/** A guest that left is waited for so long: until then another host should have said that it runs it. */
export const awaitedForMs = 5 * 60_000;

/** What this host knows of a guest that it no longer runs: whether it was ended, or may go on at another host. */
export class Departure {
  /** How often a call found no running domain. */
  absences = 0;
  #state: 'here' | 'ended' | 'left' = 'here';
  #since = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds on the monotonic clock, as all times here. */
  onEvent(event: HypervisorEvent, now: number): void {
    if (event.type !== 'lifecycle') return;
    if (event.event === 'started' || event.event === 'resumed') this.#turn('here', now);
    if (event.event === 'crashed') this.#turn('ended', now);
    if (event.event === 'stopped') this.#turn(goesOn(event.detail) ? 'left' : 'ended', now);
  }

  /**
   * Takes in the domain as libvirt had it when it was asked. One that is gone, and that nobody saw end, may have been
   * moved. An event of after the question knows better.
   */
  see(domain: Domain | undefined, askedAt: number): void {
    if (askedAt < this.#since) return;
    if (domain?.movedAway) this.#turn('left', askedAt);
    else if (domain && !isOff(domain)) this.#turn('here', askedAt);
    // It goes on here, should it go on.
    else if (domain?.saved) this.#turn('ended', askedAt);
    else if (this.#state === 'here') this.#turn(domain ? 'ended' : 'left', askedAt);
  }

  /** For how long another host is still waited for that says that it runs the guest; 0 where nothing is waited for. */
  awaitedMs(now: number): number {
    return this.#state === 'left' ? Math.max(0, this.#since + awaitedForMs - now) : 0;
  }

  #turn(state: 'here' | 'ended' | 'left', now: number): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = now;
  }
}

/** Elsewhere, or from a file where its domain is gone with it. */
function goesOn(detail: number): boolean {
  return detail === stoppedDetail.migrated || detail === stoppedDetail.saved;
}
