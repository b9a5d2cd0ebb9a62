import { GuestAgent } from '../guest/guest-agent.ts';
import type { Domain, Hypervisor } from '../guest/hypervisor.ts';
import { type AgentHealth, isRunning } from './guest-status.ts';

/** A run that is older than this is a long one. */
export const youngMs = 1000;
const mostYoung = 4;
const mostRunning = 32;

/** One domain of this host as the agent process holds it. */
export class LiveGuest {
  readonly agent: GuestAgent;
  /** As libvirt last said; null when it has no such domain; undefined before it was asked. */
  domain: Domain | null | undefined;
  health: AgentHealth = { state: 'unknown' };
  /** Runs whose results are delivered, and whose files in the guest may go with the next launcher. */
  readonly finishedRuns: string[] = [];
  /** Tasks that are running in the guest, with when they began on the monotonic clock. */
  readonly running = new Map<string, number>();

  constructor(agent: GuestAgent) {
    this.agent = agent;
  }

  /**
   * Whether a further command would only be in the others' way. A guest is a small machine and its agent answers one call
   * at a time, so few short commands go at once; long ones take nobody's place.
   */
  isFull(now: number): boolean {
    const young = [...this.running.values()].filter((since) => now - since < youngMs).length;
    return young >= mostYoung || this.running.size >= mostRunning;
  }

  get bootId(): string | undefined {
    return this.health.state === 'answers' ? this.health.facts.bootId : undefined;
  }
}

/** The guests of this host, by domain UUID, and who wants to know when one changes. */
export class GuestRegistry {
  readonly #hypervisor: Hypervisor;
  readonly #guests = new Map<string, LiveGuest>();
  readonly #listeners = new Set<(uuid: string) => void>();

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  /** The guest with this UUID, whether or not libvirt has been asked about it. */
  get(uuid: string): LiveGuest {
    let guest = this.#guests.get(uuid);
    if (!guest) {
      guest = new LiveGuest(new GuestAgent(this.#hypervisor, uuid));
      this.#guests.set(uuid, guest);
    }
    return guest;
  }

  /** Whether libvirt can be reached. */
  get connected(): boolean {
    return this.#hypervisor.info() !== undefined;
  }

  /** Libvirt has no such domain any more. */
  gone(uuid: string): void {
    const guest = this.#guests.get(uuid);
    if (!guest) return;
    guest.domain = null;
    guest.health = { state: 'unknown' };
    if (guest.running.size === 0) this.#guests.delete(uuid);
    this.changed(uuid);
  }

  /** How many domains there are, and how many of their agents answer. */
  count(): { total: number; running: number; agentConnected: number } {
    const known = [...this.#guests.values()].filter(({ domain }) => domain);
    return {
      total: known.length,
      running: known.filter(({ domain }) => domain && isRunning(domain)).length,
      agentConnected: known.filter(({ health }) => health.state === 'answers' || health.state === 'frozen').length,
    };
  }

  /** Tells the listeners that a guest is not what it was. */
  changed(uuid: string): void {
    for (const listener of this.#listeners) listener(uuid);
  }

  onChange(listener: (uuid: string) => void): void {
    this.#listeners.add(listener);
  }
}
