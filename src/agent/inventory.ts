import { isDeepStrictEqual } from 'node:util';
import { apiVersion, domainUuidLabel, type Guest, guests } from '../api/resources.ts';
import { canAnswer, type Domain, type Hypervisor, type HypervisorEvent, isRunning } from '../guest/hypervisor.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { type DomainMetadata, parseDomainMetadata } from './domain-metadata.ts';
import { labelledBy, labelPatch } from './guest-labels.ts';
import { guestNames } from './guest-name.ts';
import type { GuestRegistry } from './guest-registry.ts';
import { guestStatus, unseenGuestStatus } from './guest-status.ts';
import type { LiveGuest } from './live-guest.ts';

export interface InventoryOptions {
  cluster: Cluster;
  hypervisor: Hypervisor;
  registry: GuestRegistry;
  node: string;
  defaultNamespace: string;
  /** The Guest that carries this domain UUID among those of this node, as last seen. */
  guestOf(uuid: string): Guest | undefined;
  /** Asks for another look at a domain. */
  lookAgain(uuid: string): void;
  /** Asks the guest about itself; what it tells comes with another look. */
  askGuest(uuid: string): void;
  /** Whether the domain's channel is unplugged just now, to be mended. */
  isUnplugged(uuid: string): boolean;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** A Guest of the same domain on another node: it may still come here. */
const elsewhereRetryMs = 60_000;
/** It runs here, so it is moving here: the other node is about to let go of it. */
const arrivingRetryMs = 2000;
/** A libvirt that is only restarted turns no Guest; one that stays away turns a host's Guests one by one. */
const awayMs = 30_000;
const awaySpreadMs = 10_000;

/**
 * Keeps each domain's Guest true. `reconcile` looks at one domain and does what is needed; `onEvent` says which domain
 * to look at.
 */
export class Inventory {
  readonly #options: InventoryOptions;
  /** Since when libvirt can't be reached, on the monotonic clock, where it can't. */
  #awaySince: number;

  constructor(options: InventoryOptions) {
    this.#options = options;
    this.#awaySince = options.clock.monotonic();
  }

  /** Takes in what libvirt tells, and asks for a look at the domain. */
  onEvent(event: HypervisorEvent): void {
    const { registry, lookAgain, clock } = this.#options;
    if (event.type === 'disconnected') this.#awaySince = clock.monotonic();
    if (event.type === 'connected') registry.reconnected();
    if (event.type === 'metadata') lookAgain(event.uuid);
    if (event.type !== 'lifecycle' && event.type !== 'agent') return;
    registry.get(event.uuid).departure.onEvent(event, clock.monotonic());
    // Whoever answered before this event may be gone: a new boot, another agent.
    if (event.type === 'agent' || event.event === 'started' || event.event === 'stopped') {
      registry.get(event.uuid).health = { state: 'unknown' };
    }
    lookAgain(event.uuid);
  }

  /** Every domain of the host, and every Guest this node is said to run: for after a connection was lost (C20). */
  async lookAtAll(knownGuests: readonly Guest[], signal: AbortSignal): Promise<void> {
    const { hypervisor, registry, lookAgain, clock } = this.#options;
    const here = await hypervisor.domains(signal);
    registry.listed(
      here.map(({ uuid }) => uuid),
      clock.monotonic(),
    );
    const known = knownGuests
      .map((guest) => guest.metadata.labels?.[domainUuidLabel])
      .filter((uuid) => uuid !== undefined);
    for (const uuid of new Set([...here.map((domain) => domain.uuid), ...known])) lookAgain(uuid);
  }

  /** Looks at one domain as libvirt has it, and at what its guest told last. Never waits for a guest. */
  async reconcile(uuid: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { hypervisor, registry, askGuest, isUnplugged, clock } = this.#options;
    if (!registry.connected) return await this.#unseen(uuid, signal);
    const unplugged = isUnplugged(uuid);
    const askedAt = clock.monotonic();
    const seen = await hypervisor.domain(uuid, signal);
    const domain = seen && unplugged ? { ...seen, agentChannel: 'disconnected' as const } : seen;
    if (!domain) return await this.#missing(uuid, askedAt, signal);
    const live = registry.get(uuid);
    live.domain = domain;
    live.departure.see(domain, askedAt);
    if (!canAnswer(domain)) live.health = { state: 'unknown' };
    else if (live.health.state === 'unknown') askGuest(uuid);
    registry.changed(uuid);
    const elsewhere = await this.#write(live, domain, signal);
    if (!elsewhere) return {};
    return { requeueAfterMs: isRunning(domain) ? arrivingRetryMs : elsewhereRetryMs };
  }

  /** Says that nobody knows how a guest is, once. What is true of it, the next connection brings. */
  async #unseen(uuid: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { cluster, registry, guestOf, node, clock, random } = this.#options;
    const leftMs = this.#awaySince + awayMs - clock.monotonic();
    if (leftMs > 0) return { requeueAfterMs: leftMs + awaySpreadMs * random.next() };
    const guest = guestOf(uuid);
    if (guest?.status?.node !== node) return {};
    const status = unseenGuestStatus(guest, registry.find(uuid)?.freezeView, clock.now());
    if (!isDeepStrictEqual(guest.status, status)) await cluster.replaceStatus(guests, { ...guest, status }, { signal });
    return {};
  }

  /**
   * A domain that may have been moved leaves its Guest behind for the host that runs it now: with what people have
   * written into it, which a new one would lack.
   */
  async #missing(uuid: string, askedAt: number, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { registry, guestOf, node, clock } = this.#options;
    const guest = guestOf(uuid);
    const live = registry.get(uuid);
    const wasOff = live.domain === undefined && (guest?.status?.domain?.state ?? 'shutoff') === 'shutoff';
    if (!wasOff) live.departure.see(undefined, askedAt);
    const now = clock.monotonic();
    const awaitedMs = live.departure.awaitedMs(now);
    registry.gone(uuid, now);
    if (awaitedMs === 0) {
      await this.#remove(guest, signal);
      return {};
    }
    if (guest?.status?.node === node) await this.#letGo(guest, live, signal);
    return { requeueAfterMs: awaitedMs };
  }

  async #letGo(guest: Guest, live: LiveGuest, signal: AbortSignal): Promise<void> {
    const { cluster, node, clock } = this.#options;
    const { uuid = '', name = '' } = guest.status?.domain ?? {};
    const domain: Domain = {
      uuid,
      name,
      state: 'shutoff',
      movedAway: true,
      saved: false,
      persistent: false,
      agentChannel: 'disconnected',
      vcpus: guest.status?.vcpus?.configured ?? 0,
      memoryKiB: (guest.status?.memoryMiB ?? 0) * 1024,
    };
    const { health, channel, refreshed, freezeView: freeze } = live;
    const status = guestStatus(guest, { node, domain, health, channel, refreshed, freeze, now: clock.now() });
    if (!isDeepStrictEqual(guest.status, status)) await cluster.replaceStatus(guests, { ...guest, status }, { signal });
  }

  /** Writes the Guest if it is not what it should be; true when the domain's Guest belongs to another node. */
  async #write(live: LiveGuest, domain: Domain, signal: AbortSignal): Promise<boolean> {
    const { cluster, node, clock } = this.#options;
    const metadata = this.#metadataOf(domain);
    const known = this.#options.guestOf(domain.uuid);
    const namespace = (metadata ?? known?.metadata)?.namespace ?? this.#options.defaultNamespace;
    const moved = known !== undefined && known.metadata.namespace !== namespace;
    const guest = known && !moved ? known : await this.#findOrCreate(domain, namespace, metadata?.labels ?? {}, signal);
    if (!guest) return true;

    const { health, channel, refreshed, freezeView: freeze } = live;
    const status = guestStatus(guest, { node, domain, health, channel, refreshed, freeze, now: clock.now() });
    // The status first: only a Guest that is this node's may be labelled from here.
    const ours = isDeepStrictEqual(guest.status, status)
      ? guest
      : await cluster.replaceStatus(guests, { ...guest, status }, { signal });
    const patch = metadata && labelPatch(ours, metadata.labels);
    if (patch) await cluster.mergePatch(guests, ours.metadata, patch, { signal });
    if (moved) await this.#remove(known, signal);
    return false;
  }

  /** Undefined where it can't be read: a slip of the pen takes no guest out of its namespace, nor out of a backup. */
  #metadataOf(domain: Domain): DomainMetadata | undefined {
    try {
      return parseDomainMetadata(domain.metadataXml);
    } catch (error) {
      this.#options.logger.warn({ err: error, domain: domain.name }, "a domain's qga metadata is not used");
      return undefined;
    }
  }

  async #findOrCreate(
    domain: Domain,
    namespace: string,
    labels: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Guest | undefined> {
    const carried = labelledBy(labels);
    const ours = { ...carried, labels: { ...carried.labels, [domainUuidLabel]: domain.uuid } };
    for (const name of guestNames(domain.name, domain.uuid)) {
      const guest: Guest = { apiVersion, kind: 'Guest', metadata: { name, namespace, ...ours } };
      const found = await this.#getOrCreate(guest, signal);
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

  /**
   * Where two nodes define the same domain, the one that runs it has the Guest, once the other let go of it or is not
   * heard of any more. An admission policy holds agents to the same rule.
   */
  #isOurs(guest: Guest, domain: Domain): boolean {
    const { node } = guest.status ?? {};
    if (node === undefined || node === this.#options.node) return true;
    return isRunning(domain) && isLetGo(guest);
  }

  async #remove(guest: Guest | undefined, signal: AbortSignal): Promise<void> {
    const { cluster, node } = this.#options;
    if (!guest || guest.status?.node !== node) return;
    const { uid, resourceVersion } = guest.metadata;
    try {
      // As it was seen: another node may just have taken it.
      await cluster.delete(guests, guest.metadata, { uid, resourceVersion, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Whether the node that had this Guest runs it no longer, or has fallen silent. */
function isLetGo({ status }: Guest): boolean {
  const running = status?.conditions?.find(({ type }) => type === 'Running');
  return status?.domain?.state === 'shutoff' || running?.status === 'Unknown';
}
