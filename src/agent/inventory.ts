import { isDeepStrictEqual } from 'node:util';
import { apiVersion, domainUuidLabel, type Guest, guests } from '../api/resources.ts';
import type { Domain, Hypervisor, HypervisorEvent } from '../guest/hypervisor.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { Logger } from '../observability/log.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { type DomainMetadata, parseDomainMetadata } from './domain-metadata.ts';
import { readGuestFacts } from './guest-facts.ts';
import { guestNames } from './guest-name.ts';
import type { GuestRegistry, LiveGuest } from './guest-registry.ts';
import { guestStatus, isRunning } from './guest-status.ts';

export interface InventoryOptions {
  cluster: Cluster;
  hypervisor: Hypervisor;
  registry: GuestRegistry;
  node: string;
  defaultNamespace: string;
  /** The Guest that carries this domain UUID among those of this node, as last seen. */
  guestOf(uuid: string): Guest | undefined;
  /** Asks for another look at a domain. */
  lookAgain(uuid: string, afterMs: number): void;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** A guest gets its addresses after its agent starts: once more soon after, then slowly, for what no event tells. */
const factsSoonMs = 20_000;
const factsSlowlyMs = 15 * 60_000;
/** A silent agent costs a lane for seconds: it is asked at this pace. */
const silentRetryMs = 30_000;
/** A Guest of the same domain on another node: it may still come here. */
const elsewhereRetryMs = 60_000;

/**
 * Keeps each domain's Guest true. `reconcile` looks at one domain and does what is needed; `onEvent` says which domain
 * to look at.
 */
export class Inventory {
  readonly #options: InventoryOptions;
  /** When each guest's facts are to be read anew, on the monotonic clock. */
  readonly #factsDue = new Map<string, number>();

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  /** Takes in what libvirt tells, and asks for a look at the domain. */
  onEvent(event: HypervisorEvent): void {
    if (event.type !== 'lifecycle' && event.type !== 'agent') return;
    const { registry, lookAgain } = this.#options;
    // Whoever answered before this event may be gone: a new boot, another agent.
    if (event.type === 'agent' || event.event === 'started' || event.event === 'stopped') {
      registry.get(event.uuid).health = { state: 'unknown' };
    }
    lookAgain(event.uuid, 0);
  }

  /** Every domain of the host, and every Guest this node is said to run: for after a connection was lost (C20). */
  async lookAtAll(knownGuests: readonly Guest[], signal: AbortSignal): Promise<void> {
    const { hypervisor, lookAgain } = this.#options;
    const here = await hypervisor.domains(signal);
    const known = knownGuests
      .map((guest) => guest.metadata.labels?.[domainUuidLabel])
      .filter((uuid) => uuid !== undefined);
    for (const uuid of new Set([...here.map((domain) => domain.uuid), ...known])) lookAgain(uuid, 0);
  }

  async reconcile(uuid: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { hypervisor, registry, guestOf } = this.#options;
    const domain = await hypervisor.domain(uuid, signal);
    if (!domain) {
      this.#factsDue.delete(uuid);
      registry.forget(uuid);
      await this.#remove(guestOf(uuid), signal);
      return {};
    }
    const live = registry.get(uuid);
    live.domain = domain;
    const canAnswer = isRunning(domain) && domain.agentChannel === 'connected';
    if (!canAnswer) {
      live.health = { state: 'unknown' };
      this.#factsDue.delete(uuid);
    }
    // First what libvirt says, which is there at once; then what the guest takes its time to tell.
    if (live.health.state === 'unknown') registry.changed(uuid);
    const requeueAfterMs = canAnswer ? await this.#askGuest(live, signal) : undefined;
    const elsewhere = await this.#write(live, domain, signal);
    if (elsewhere) return { requeueAfterMs: elsewhereRetryMs };
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  /** Reads the guest's facts if they are due; returns when they are due next. */
  async #askGuest(live: LiveGuest, signal: AbortSignal): Promise<number> {
    const { clock, random, registry } = this.#options;
    const { uuid } = live.agent;
    const due = this.#factsDue.get(uuid);
    const now = clock.monotonic();
    if (live.health.state === 'answers' && due !== undefined && now < due) return due - now;
    const first = live.health.state !== 'answers';
    try {
      const facts = await readGuestFacts(live.agent, signal);
      if (!facts) return silentRetryMs;
      live.health = { state: 'answers', facts };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      live.health = { state: 'silent', message: error.message };
      registry.changed(uuid);
      return silentRetryMs;
    }
    registry.changed(uuid);
    const pause = first ? factsSoonMs : factsSlowlyMs * (0.9 + 0.2 * random.next());
    this.#factsDue.set(uuid, clock.monotonic() + pause);
    return pause;
  }

  /** Writes the Guest if it is not what it should be; true when the domain's Guest belongs to another node. */
  async #write(live: LiveGuest, domain: Domain, signal: AbortSignal): Promise<boolean> {
    const { cluster, node, clock } = this.#options;
    const metadata = this.#metadataOf(domain);
    const namespace = metadata.namespace ?? this.#options.defaultNamespace;
    const known = this.#options.guestOf(domain.uuid);
    if (known && known.metadata.namespace !== namespace) await this.#remove(known, signal);
    const guest =
      known?.metadata.namespace === namespace ? known : await this.#findOrCreate(domain, namespace, metadata, signal);
    if (!guest) return true;

    const labelled = await this.#withLabels(guest, metadata.labels, signal);
    const status = guestStatus(labelled, { node, domain, health: live.health, now: clock.now() });
    if (!isDeepStrictEqual(labelled.status, status)) {
      await cluster.replaceStatus(guests, { ...labelled, status }, { signal });
    }
    return false;
  }

  /** Bad metadata costs the Guest its labels, not its place in the inventory. */
  #metadataOf(domain: Domain): DomainMetadata {
    try {
      return parseDomainMetadata(domain.metadataXml);
    } catch (error) {
      this.#options.logger.warn({ err: error, domain: domain.name }, "a domain's qga metadata is not used");
      return { labels: {} };
    }
  }

  async #findOrCreate(
    domain: Domain,
    namespace: string,
    { labels }: DomainMetadata,
    signal: AbortSignal,
  ): Promise<Guest | undefined> {
    for (const name of guestNames(domain.name, domain.uuid)) {
      const found = await this.#getOrCreate(
        {
          apiVersion,
          kind: 'Guest',
          metadata: { name, namespace, labels: { ...labels, [domainUuidLabel]: domain.uuid } },
        },
        signal,
      );
      if (found.metadata.labels?.[domainUuidLabel] === domain.uuid)
        return this.#isOurs(found, domain) ? found : undefined;
    }
    throw new Error(`both names for domain ${domain.name} are taken by other domains in namespace ${namespace}`);
  }

  async #getOrCreate(guest: Guest, signal: AbortSignal): Promise<Guest> {
    const { cluster } = this.#options;
    try {
      return await cluster.get(guests, guest.metadata, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      return await cluster.create(guests, guest, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return await cluster.get(guests, guest.metadata, { signal });
    }
  }

  /** Where two nodes define the same domain, the one that runs it has the Guest. */
  #isOurs(guest: Guest, domain: Domain): boolean {
    const { node, domain: last } = guest.status ?? {};
    if (node === undefined || node === this.#options.node) return true;
    return isRunning(domain) || last?.state === 'shutoff';
  }

  async #withLabels(guest: Guest, labels: Record<string, string>, signal: AbortSignal): Promise<Guest> {
    const missing = Object.entries(labels).filter(([name, value]) => guest.metadata.labels?.[name] !== value);
    if (missing.length === 0) return guest;
    const patch = { metadata: { labels: Object.fromEntries(missing) } };
    return await this.#options.cluster.mergePatch(guests, guest.metadata, patch, { signal });
  }

  async #remove(guest: Guest | undefined, signal: AbortSignal): Promise<void> {
    const { cluster, node } = this.#options;
    if (!guest || guest.status?.node !== node) return;
    try {
      await cluster.delete(guests, guest.metadata, { uid: guest.metadata.uid, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
