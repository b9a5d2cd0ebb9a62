import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../kube/cluster.ts';
import type { KubeObject, Resource } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';

/**
 * A status is written at most this often while its object goes on, and first this long after the first look at it, so
 * that what is short costs one write.
 */
const paceMs = 1000;

export interface PacedStatusOptions<T extends KubeObject> {
  cluster: Cluster;
  resource: Resource<T>;
  clock: Clock;
}

/** Writes the status of one object: what matters at once, the rest at a pace. */
export class PacedStatus<T extends KubeObject & { status?: unknown }> {
  readonly #options: PacedStatusOptions<T>;
  #pacedFrom: number;

  constructor(options: PacedStatusOptions<T>) {
    this.#options = options;
    this.#pacedFrom = options.clock.monotonic();
  }

  /** Writes what changed, if it is time to; `dueMs` says in how many milliseconds it will be. */
  async write(
    object: T,
    status: NonNullable<T['status']>,
    atOnce: boolean,
    signal: AbortSignal,
  ): Promise<{ written: boolean; dueMs?: number }> {
    const { cluster, resource, clock } = this.#options;
    if (isDeepStrictEqual(object.status, status)) return { written: false };
    const now = clock.monotonic();
    const leftMs = this.#pacedFrom + paceMs - now;
    if (!atOnce && leftMs > 0) return { written: false, dueMs: leftMs };
    await cluster.replaceStatus(resource, { ...object, status }, { signal });
    this.#pacedFrom = now;
    return { written: true };
  }
}
