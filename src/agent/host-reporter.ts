import { isDeepStrictEqual } from 'node:util';
import { apiVersion, type GuestHost, guestHosts } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { type HostObservation, hostStatus } from './host-status.ts';

export interface HostReporterOptions {
  cluster: Cluster;
  node: string;
  /** All but the time. */
  observe(): Omit<HostObservation, 'now'>;
  clock: Clock;
}

/** Keeps this node's GuestHost true. */
export class HostReporter {
  readonly #options: HostReporterOptions;
  #last: GuestHost | undefined;

  constructor(options: HostReporterOptions) {
    this.#options = options;
  }

  async reconcile(signal: AbortSignal): Promise<void> {
    const { cluster, observe, clock } = this.#options;
    const host = this.#last ?? (await this.#getOrCreate(signal));
    const status = hostStatus(host, { ...observe(), now: clock.now() });
    if (isDeepStrictEqual(host.status, status)) return;
    // Read anew after a failure: somebody else, the manager for one, may have written it.
    this.#last = undefined;
    this.#last = await cluster.replaceStatus(guestHosts, { ...host, status }, { signal });
  }

  /** Somebody else wrote it: look at it anew. */
  changed(host: GuestHost): void {
    if (host.metadata.resourceVersion !== this.#last?.metadata.resourceVersion) this.#last = undefined;
  }

  async #getOrCreate(signal: AbortSignal): Promise<GuestHost> {
    const { cluster, node } = this.#options;
    try {
      return await cluster.get(guestHosts, { name: node }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      const fresh: GuestHost = { apiVersion, kind: 'GuestHost', metadata: { name: node } };
      return await cluster.create(guestHosts, fresh, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return await cluster.get(guestHosts, { name: node }, { signal });
    }
  }
}
