import { isDeepStrictEqual } from 'node:util';
import { type Guest, type GuestHost, guestHosts, guests } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import type { Lease } from '../kube/core-resources.ts';
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

/**
 * Tells when a host has fallen silent: its own conditions and its guests' become `Unknown`, for nobody knows any more.
 * The agent that comes back says how things are.
 */
export class HostWatcher {
  readonly #options: HostWatcherOptions;
  /** When each host's Lease was last seen to be renewed, by this process's clock: hosts' clocks may differ. */
  readonly #seen = new Map<string, { renewTime: string | undefined; at: number }>();

  constructor(options: HostWatcherOptions) {
    this.#options = options;
  }

  async reconcile(node: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { hosts, clock, cluster, guestsOn } = this.#options;
    const host = hosts.get(node);
    if (!host) {
      this.#seen.delete(node);
      return {};
    }
    const leftMs = this.#leaseLeftMs(host);
    if (leftMs > 0) return { requeueAfterMs: leftMs };

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

  #leaseLeftMs({ metadata, status }: GuestHost): number {
    const { leases, clock } = this.#options;
    const now = clock.monotonic();
    const lease = status?.lease && leases.get(`${status.lease.namespace}/${status.lease.name}`);
    const renewTime = lease?.spec.renewTime;
    const seen = this.#seen.get(metadata.name);
    if (!seen || seen.renewTime !== renewTime) this.#seen.set(metadata.name, { renewTime, at: now });
    const since = seen && seen.renewTime === renewTime ? seen.at : now;
    return since + (lease?.spec.leaseDurationSeconds ?? defaultLeaseSeconds) * 1000 - now;
  }
}
