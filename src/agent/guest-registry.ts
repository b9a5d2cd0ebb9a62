import { type CallListener, GuestAgent } from '../guest/guest-agent.ts';
import { type Domain, type Hypervisor, isRunning } from '../guest/hypervisor.ts';
import type { AgentError } from '../qga/errors.ts';
import { type AgentState, agentState, agentStates, LiveGuest } from './live-guest.ts';

/** The guests of this host, by domain UUID, and who wants to know when one changes. */
export class GuestRegistry {
  readonly #hypervisor: Hypervisor;
  readonly #onCall: CallListener;
  readonly #guests = new Map<string, LiveGuest>();
  readonly #listeners = new Set<(uuid: string) => void>();
  readonly #suspicionListeners = new Set<(uuid: string) => void>();
  /** The domains that libvirt last listed. */
  #listed: ReadonlySet<string> | undefined;

  constructor(hypervisor: Hypervisor, onCall: CallListener = () => () => {}) {
    this.#hypervisor = hypervisor;
    this.#onCall = onCall;
  }

  /** The guest with this UUID, whether or not libvirt has been asked about it. */
  get(uuid: string): LiveGuest {
    let guest = this.#guests.get(uuid);
    if (!guest) {
      guest = new LiveGuest(new GuestAgent(this.#hypervisor, uuid, (command) => this.#onSent(uuid, command)));
      this.#guests.set(uuid, guest);
    }
    return guest;
  }

  /** The guest with this UUID, where there is one. */
  find(uuid: string): LiveGuest | undefined {
    return this.#guests.get(uuid);
  }

  /** Whether libvirt can be reached. */
  get connected(): boolean {
    return this.#hypervisor.info() !== undefined;
  }

  /**
   * Libvirt has listed the domains of this host. What was still needed of others may not be any more: their last task has
   * ended, or it is over and only looked at. `now`: milliseconds on the monotonic clock, as all times here.
   */
  listed(uuids: readonly string[], now: number): void {
    this.#listed = new Set(uuids);
    for (const uuid of this.#guests.keys()) if (this.isAbsent(uuid)) this.#forget(uuid, now);
  }

  /** Whether this host is known to have no domain of this UUID. */
  isAbsent(uuid: string): boolean {
    return this.#listed !== undefined && !this.#listed.has(uuid) && !this.#guests.get(uuid)?.domain;
  }

  /** Libvirt has no such domain any more. */
  gone(uuid: string, now: number): void {
    const guest = this.#guests.get(uuid);
    if (!guest) return;
    guest.domain = null;
    guest.health = { state: 'unknown' };
    this.#forget(uuid, now);
    this.changed(uuid);
  }

  /** Unless what is known of it is still needed. */
  #forget(uuid: string, now: number): void {
    const guest = this.#guests.get(uuid);
    if (!guest || guest.running.size > 0 || guest.freeze || guest.departure.awaitedMs(now) > 0) return;
    this.#guests.delete(uuid);
  }

  /**
   * Libvirt is there again, and its events were lost: a guest may be in another boot, with another agent, than what it told.
   * A frozen one, or one that was silent, is asked again and again anyway.
   */
  reconnected(): void {
    for (const guest of this.#guests.values()) {
      if (guest.health.state === 'answers') guest.health = { state: 'unknown', since: 'libvirtAway' };
    }
  }

  /** How many domains there are, how many of their agents answer, and how many are frozen. */
  count(): { total: number; running: number; agentConnected: number; channelBroken: number; frozen: number } {
    const known = this.#known();
    return {
      total: known.length,
      running: known.filter(({ domain }) => domain && isRunning(domain)).length,
      agentConnected: known.filter(({ health }) => health.state === 'answers' || health.state === 'frozen').length,
      channelBroken: known.filter(({ health }) => health.state === 'broken').length,
      frozen: known.filter(({ frozenSince }) => frozenSince !== undefined).length,
    };
  }

  /** How many guests there are in each state, none left out. */
  countByState(): Record<AgentState, number> {
    const counts = Object.fromEntries(agentStates.map((state) => [state, 0])) as Record<AgentState, number>;
    for (const { domain, health, frozenSince } of this.#known()) {
      counts[agentState(domain, health, frozenSince !== undefined)] += 1;
    }
    return counts;
  }

  /** Since when the guest is frozen that has been for longest, in milliseconds since the epoch; undefined while none is. */
  frozenSince(): number | undefined {
    const since = this.#known().flatMap((guest) => guest.frozenSince ?? []);
    return since.length > 0 ? Math.min(...since) : undefined;
  }

  /** The guests that libvirt has a domain of. */
  #known(): (LiveGuest & { domain: Domain })[] {
    return [...this.#guests.values()].filter((guest): guest is LiveGuest & { domain: Domain } => Boolean(guest.domain));
  }

  #onSent(uuid: string, command: string): ReturnType<CallListener> {
    const ended = this.#onCall(command);
    return (failure) => {
      ended(failure);
      if (failure) this.#onFailure(uuid, failure);
    };
  }

  /** A channel that broke tells nobody (C2): whoever meets it first makes it known. */
  #onFailure(uuid: string, { code, message }: AgentError): void {
    const guest = this.#guests.get(uuid);
    if (guest && (code === 'NoDomain' || code === 'NotRunning')) guest.departure.absences++;
    if (code !== 'ChannelBroken' || guest?.health.state !== 'answers') return;
    guest.health = { state: 'silent', message, suspect: true };
    this.changed(uuid);
    for (const listener of this.#suspicionListeners) listener(uuid);
  }

  /** Calls the listener with each guest whose channel may be broken and should be asked. */
  onSuspicion(listener: (uuid: string) => void): void {
    this.#suspicionListeners.add(listener);
  }

  /** The guests that a thaw is owed to: nobody knows whether they are frozen. */
  owedThaws(): LiveGuest[] {
    return [...this.#guests.values()].filter(({ freezeView }) => freezeView?.thawOwed);
  }

  /** Tells the listeners that a guest is not what it was. */
  changed(uuid: string): void {
    for (const listener of this.#listeners) listener(uuid);
  }

  onChange(listener: (uuid: string) => void): void {
    this.#listeners.add(listener);
  }
}
