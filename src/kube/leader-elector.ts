import type { Logger } from '../observability/log.ts';
import { type Clock, microTimestamp } from '../seams/clock.ts';
import type { Cluster } from './cluster.ts';
import { type Lease, leases } from './core-resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { within } from './within.ts';

export interface LeaderElectorOptions {
  cluster: Cluster;
  namespace: string;
  name: string;
  /** This process: no two may share it. */
  identity: string;
  clock: Clock;
  logger: Logger;
  /** controller-runtime's: 15, 10 and 2 seconds. */
  leaseSeconds?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
}

/** The Lease went to somebody else, or could not be renewed in time. The process should end: its caches may be stale. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
  readonly code = 'LeadershipLost';
}

/** A process that ends has not much longer. */
const releaseMs = 2000;

/** Lets one of several processes lead, by a Lease. */
export class LeaderElector {
  readonly #options: Required<LeaderElectorOptions>;
  /** The Lease as last seen, and when: this process's clock decides when it has run out, not the holder's. */
  #seen: { lease: Lease; at: number } | undefined;
  /** When the last renewal that went through was asked for. */
  #renewedAt = 0;
  #leading = false;

  constructor(options: LeaderElectorOptions) {
    this.#options = { leaseSeconds: 15, renewDeadlineMs: 10_000, retryMs: 2_000, ...options };
  }

  get leading(): boolean {
    return this.#leading;
  }

  /**
   * Waits to lead, then leads until `lead` ends. `lead`'s signal aborts with this one's and when the Lease is lost; then
   * this rejects with a LeadershipLostError. A leader whose work has ended otherwise gives the Lease back.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, retryMs, renewDeadlineMs, logger, identity } = this.#options;
    while (!(await this.#try(renewDeadlineMs, signal))) await clock.sleep(retryMs, signal);
    logger.info({ identity }, 'leading');
    this.#leading = true;
    const lost = new AbortController();
    const finished = new AbortController();
    // Renewed until the work has ended, not only until it was told to: nobody else may begin before.
    const renewing = this.#renew(finished.signal, lost);
    try {
      await lead(AbortSignal.any([signal, lost.signal]));
    } finally {
      finished.abort();
      await renewing;
      this.#leading = false;
      // Whatever the work made of it, this is what happened.
      lost.signal.throwIfAborted();
      await this.#release();
    }
  }

  async #renew(signal: AbortSignal, lost: AbortController): Promise<void> {
    const { clock, retryMs, renewDeadlineMs } = this.#options;
    const leftMs = () => this.#renewedAt + renewDeadlineMs - clock.monotonic();
    for (;;) {
      await clock.sleep(retryMs, signal).catch(() => {});
      if (signal.aborted) return;
      // Half of the deadline: one dead connection leaves time for another.
      const renewed = leftMs() > 0 && (await this.#try(Math.min(leftMs(), renewDeadlineMs / 2), signal));
      if (signal.aborted) return;
      if (!renewed && (this.#heldByAnother() || leftMs() <= 0)) {
        lost.abort(new LeadershipLostError('the leader Lease was lost'));
        return;
      }
    }
  }

  #heldByAnother(): boolean {
    const holder = this.#seen?.lease.spec.holderIdentity;
    return holder !== undefined && holder !== '' && holder !== this.#options.identity;
  }

  /** Has the Lease from now on if that may be, within so long; false when not, for whatever reason. */
  async #try(withinMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, logger, namespace, name } = this.#options;
    const startedAt = clock.monotonic();
    const late = () => new Error(`no answer within ${withinMs} ms`);
    try {
      if (!(await within(clock, withinMs, late, signal, (bounded) => this.#takeOrRenew(bounded)))) return false;
      // Others count from when the server wrote it, which may be long before its answer came.
      this.#renewedAt = startedAt;
      return true;
    } catch (error) {
      // The next try reads it anew.
      if (isConflict(error) || isNotFound(error)) this.#seen = undefined;
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error)) {
        logger.warn({ err: error, lease: `${namespace}/${name}` }, 'the leader Lease could not be had: trying again');
      }
      return false;
    }
  }

  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { cluster, clock, identity, namespace, name, leaseSeconds } = this.#options;
    const lease = await this.#current(signal);
    const now = microTimestamp(clock.now());
    const mine = { holderIdentity: identity, leaseDurationSeconds: leaseSeconds, renewTime: now };
    if (!lease) {
      const spec = { ...mine, acquireTime: now, leaseTransitions: 0 };
      const fresh: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { namespace, name },
        spec,
      };
      this.#see(await cluster.create(leases, fresh, { signal }));
      return true;
    }
    const { spec } = lease;
    if (spec.holderIdentity === identity) {
      this.#see(await cluster.replace(leases, { ...lease, spec: { ...spec, ...mine } }, { signal }));
      return true;
    }
    if (spec.holderIdentity && !this.#ranOut(lease)) return false;
    const taken = { ...spec, ...mine, acquireTime: now, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
    this.#see(await cluster.replace(leases, { ...lease, spec: taken }, { signal }));
    return true;
  }

  /** A leader renews what it wrote last; who waits looks each time. */
  async #current(signal: AbortSignal): Promise<Lease | undefined> {
    if (this.#leading && this.#seen) return this.#seen.lease;
    const { cluster, namespace, name } = this.#options;
    try {
      const lease = await cluster.get(leases, { namespace, name }, { signal });
      if (this.#seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) this.#see(lease);
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #see(lease: Lease): void {
    this.#seen = { lease, at: this.#options.clock.monotonic() };
  }

  #ranOut(lease: Lease): boolean {
    const { clock, leaseSeconds } = this.#options;
    const at = this.#seen?.at ?? clock.monotonic();
    return clock.monotonic() - at > (lease.spec.leaseDurationSeconds ?? leaseSeconds) * 1000;
  }

  async #release(): Promise<void> {
    const { clock, logger } = this.#options;
    const late = () => new Error(`no answer within ${releaseMs} ms`);
    try {
      await within(clock, releaseMs, late, undefined, (signal) => this.#giveBack(signal));
    } catch (error) {
      logger.warn({ err: error }, 'the leader Lease could not be given back: it will run out');
    }
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { cluster, identity } = this.#options;
    // Read anew: the end may have cut off a renewal that went through.
    const lease = await this.#current(signal);
    if (lease?.spec.holderIdentity !== identity) return;
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    await cluster.replace(leases, { ...lease, spec }, { signal });
  }
}
