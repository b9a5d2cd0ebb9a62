import { isDeepStrictEqual } from 'node:util';
import { type Guest, type GuestHost, guestHosts, guests } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import { type Lease, leases as leaseResource } from '../kube/core-resources.ts';
import { isNotFound } from '../kube/errors.ts';
import type { ObjectKey } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';

export interface HostWatcherOptions {
  cluster: Cluster;
  hosts: { get(key: ObjectKey): GuestHost | undefined };
  leases: { get(key: ObjectKey): Lease | undefined };
  guestsOn(node: string): readonly Guest[];
  clock: Clock;
}

const defaultLeaseSeconds = 40;
/** An agent that could not reach the API server either needs a few tries to renew its Lease. */
const recoveryMs = 10_000;

/** How one host's Lease was seen. */
interface Sight {
  /** The renewTime as the watch showed it, and as the API server answered. */
  watched: string | undefined;
  asked: string | undefined;
  /** When it was last seen to be renewed, by this process's clock: hosts' clocks may differ. */
  renewedAt: number;
  /** The API server could not be asked the last time, and the watch has shown nothing since. */
  inDoubt: boolean;
}

/**
 * Tells when a host has fallen silent: its own conditions and its guests' become `Unknown`, for nobody knows any more.
 * The agent that comes back says how things are.
 *
 * INVARIANT: nothing is said of a host because this process hears nothing. A watch whose connection died shows every host
 * silent, so the API server is asked before; where it doesn't answer, nobody knows who could have reached it.
 */
export class HostWatcher {
  readonly #options: HostWatcherOptions;
  readonly #sights = new Map<string, Sight>();

  constructor(options: HostWatcherOptions) {
    this.#options = options;
  }

  async reconcile(node: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { hosts, clock, cluster, guestsOn } = this.#options;
    const host = hosts.get(node);
    if (!host) {
      this.#sights.delete(node);
      return {};
    }
    const leftMs = this.#leaseLeftMs(host);
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const heardMs = await this.#ask(host, signal);
    if (heardMs > 0) return { requeueAfterMs: heardMs };

    const reason = 'HostSilent';
    const message = `nothing is heard from the agent of host ${node}: is it running, and does it reach the API server?`;
    const unknown = (conditions: Condition[] | undefined) => {
      let turned = conditions ?? [];
      for (const { type } of turned)
        turned = setCondition(turned, { type, status: 'Unknown', reason, message }, clock.now());
      return turned;
    };
    if (host.status) {
      const status = { ...host.status, conditions: unknown(host.status.conditions) };
      if (!isDeepStrictEqual(host.status, status))
        await cluster.replaceStatus(guestHosts, { ...host, status }, { signal });
    }
    for (const guest of guestsOn(node)) {
      const status = { ...guest.status, conditions: unknown(guest.status?.conditions) };
      if (!isDeepStrictEqual(guest.status, status))
        await cluster.replaceStatus(guests, { ...guest, status }, { signal });
    }
    return {};
  }

  /** In how many milliseconds the Lease runs out, as the watch shows it. */
  #leaseLeftMs(host: GuestHost): number {
    const { leases, clock } = this.#options;
    const ref = host.status?.lease;
    const lease = ref && leases.get(`${ref.namespace}/${ref.name}`);
    const watched = lease?.spec.renewTime;
    const sight = this.#sightOf(host);
    if (sight.watched !== watched) {
      sight.watched = watched;
      sight.inDoubt = false;
      if (watched !== sight.asked) sight.renewedAt = clock.monotonic();
    }
    return untilRunOut(sight, lease, clock);
  }

  /** The same as the API server has it, and a little longer where it could not be asked before. Rejects where it can't be. */
  async #ask(host: GuestHost, signal: AbortSignal): Promise<number> {
    const { cluster, clock } = this.#options;
    const ref = host.status?.lease;
    if (!ref) return 0;
    const sight = this.#sightOf(host);
    const wasInDoubt = sight.inDoubt;
    sight.inDoubt = true;
    const lease = await cluster.get(leaseResource, ref, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    sight.inDoubt = false;
    const asked = lease?.spec.renewTime;
    if (asked !== undefined && asked !== sight.watched && asked !== sight.asked) sight.renewedAt = clock.monotonic();
    sight.asked = asked;
    return Math.max(untilRunOut(sight, lease, clock), wasInDoubt ? recoveryMs : 0);
  }

  #sightOf({ metadata }: GuestHost): Sight {
    const { clock } = this.#options;
    const known = this.#sights.get(metadata.name);
    if (known) return known;
    const sight = { watched: undefined, asked: undefined, renewedAt: clock.monotonic(), inDoubt: false };
    this.#sights.set(metadata.name, sight);
    return sight;
  }
}

function untilRunOut({ renewedAt }: Sight, lease: Lease | undefined, clock: Clock): number {
  return renewedAt + (lease?.spec.leaseDurationSeconds ?? defaultLeaseSeconds) * 1000 - clock.monotonic();
}
