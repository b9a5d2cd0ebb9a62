import { hostLabel } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type Lease, leases } from '../kube/core-resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import { within } from '../kube/within.ts';
import type { Logger } from '../observability/log.ts';
import { type Clock, microTimestamp } from '../seams/clock.ts';

export interface HostLeaseOptions {
  cluster: Cluster;
  node: string;
  namespace: string;
  /** The journal's id: a restarted agent is the same holder, a second agent of the same node name is not. */
  holder: string;
  clock: Clock;
  logger: Logger;
}

/** As the kubelet's: renewed four times before anybody calls the host down. */
const hostLeaseSeconds = 40;
const renewMs = 10_000;
const retryMs = 2_000;
/** A try that hangs must leave time for others before the Lease runs out. */
const tryMs = 8_000;

/** Another agent speaks for this node: two would undo each other's work. */
export class HostTakenError extends Error {
  override readonly name = 'HostTakenError';
  readonly code = 'HostTaken';
}

/** The name of a host's Lease. */
export function hostLeaseName(node: string): string {
  return `qga-host-${node}`;
}

/**
 * The heartbeat of one host. Not an election: an agent that loses the API server goes on with what its guests need, and
 * renews when the server is back.
 */
export class HostLease {
  readonly #options: HostLeaseOptions;
  #renewedAt: number | undefined;
  /** As written last, while nobody else is known to have written it since. */
  #mine: Lease | undefined;

  constructor(options: HostLeaseOptions) {
    this.#options = options;
  }

  /** Whether the cluster can know that this host lives. */
  get held(): boolean {
    return this.#renewedAt !== undefined && this.#options.clock.monotonic() - this.#renewedAt < hostLeaseSeconds * 1000;
  }

  /**
   * Takes the Lease, waiting while another holder's has not run out, and keeps it until the signal aborts. Calls
   * `onHeld` when it is first held. Rejects with a HostTakenError when somebody else took it meanwhile.
   */
  async keep(signal: AbortSignal, onHeld: () => void): Promise<void> {
    const { clock, logger, node } = this.#options;
    let rival: { lease: Lease; seenAt: number } | undefined;
    while (!signal.aborted) {
      let waitMs = renewMs;
      try {
        const rivalRanOut = rival && clock.monotonic() - rival.seenAt > hostLeaseSeconds * 1000;
        const late = () => new Error(`no answer within ${tryMs} ms`);
        const other = await within(clock, tryMs, late, signal, (bounded) => this.#renew(rivalRanOut, bounded));
        if (!other) {
          if (this.#renewedAt === undefined) onHeld();
          this.#renewedAt = clock.monotonic();
          rival = undefined;
        } else {
          if (this.#renewedAt !== undefined) {
            throw new HostTakenError(`another agent, ${other.spec.holderIdentity}, has taken over node ${node}`);
          }
          waitMs = retryMs;
          if (rival?.lease.spec.renewTime !== other.spec.renewTime) rival = { lease: other, seenAt: clock.monotonic() };
          logger.warn(
            { holder: other.spec.holderIdentity, node },
            'another agent speaks for this node: waiting for it to end',
          );
        }
      } catch (error) {
        if (error instanceof HostTakenError) throw error;
        if (signal.aborted) return;
        waitMs = retryMs;
        if (!isConflict(error)) logger.warn({ err: error, node }, 'the host lease could not be renewed: trying again');
      }
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }

  /** Renews or takes the Lease; answers the Lease when it is somebody else's. */
  async #renew(rivalRanOut: boolean | undefined, signal: AbortSignal): Promise<Lease | undefined> {
    const { cluster, node, namespace, holder, clock } = this.#options;
    const name = hostLeaseName(node);
    const now = microTimestamp(clock.now());
    const spec = { holderIdentity: holder, leaseDurationSeconds: hostLeaseSeconds, renewTime: now };
    if (this.#mine) {
      const written = this.#mine;
      // Whatever becomes of this: unless it goes through, the next try reads the Lease anew.
      this.#mine = undefined;
      this.#mine = await cluster.replace(leases, { ...written, spec: { ...written.spec, ...spec } }, { signal });
      return undefined;
    }
    let lease: Lease;
    try {
      lease = await cluster.get(leases, { namespace, name }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const metadata = { name, namespace, labels: { [hostLabel]: node } };
      const fresh: Lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata,
        spec: { ...spec, acquireTime: now },
      };
      try {
        this.#mine = await cluster.create(leases, fresh, { signal });
        return undefined;
      } catch (createError) {
        if (!isAlreadyExists(createError)) throw createError;
        return await cluster.get(leases, { namespace, name }, { signal });
      }
    }
    const free = !lease.spec.holderIdentity || lease.spec.holderIdentity === holder || rivalRanOut;
    if (!free) return lease;
    this.#mine = await cluster.replace(leases, { ...lease, spec: { ...lease.spec, ...spec } }, { signal });
    return undefined;
  }
}
