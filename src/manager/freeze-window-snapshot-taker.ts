import { type FsFreezeWindow, ownerUidLabel, verdictLabel } from '../api/resources.ts';
import type { FsFreezeWindowStatus } from '../api/schema/fs-freeze-window.ts';
import type { Cluster } from '../kube/cluster.ts';
import { ApiError, isAlreadyExists, isNotFound, isPassing } from '../kube/errors.ts';
import { type VolumeSnapshot, volumeSnapshots } from '../kube/volume-snapshots.ts';
import { isGood, type SnapshotState, snapshotState, snapshotsOf } from './freeze-window-snapshots.ts';

/** The snapshots whose label could not be written: for good, or this time. */
export interface Marked {
  refused: string[];
  failed: { name: string; error: unknown }[];
}

/**
 * Takes one window's VolumeSnapshots and looks how they fare. There is no informer for them: not every cluster serves the
 * kind, and few windows take any.
 */
export class SnapshotTaker {
  readonly #cluster: Cluster;
  #served: boolean | undefined;
  /** By name, why the API server refused it. */
  readonly #refused = new Map<string, string>();
  /** By name, what its label says by now, or never will. */
  readonly #marked = new Map<string, string | undefined>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Whether the cluster knows the kind, asked before anything is frozen for it. */
  async areServed({ metadata, spec, status }: FsFreezeWindow, signal: AbortSignal): Promise<boolean> {
    if (!spec.volumeSnapshots || status?.completionTime) return true;
    if (this.#served !== undefined) return this.#served;
    const { namespace, uid } = metadata;
    try {
      await this.#cluster.list(volumeSnapshots, { namespace, labelSelector: `${ownerUidLabel}=${uid}`, signal });
      this.#served = true;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#served = false;
    }
    return this.#served;
  }

  /** Undefined while the guests are not frozen for them. */
  async statesOf(window: FsFreezeWindow, signal: AbortSignal): Promise<SnapshotState[] | undefined> {
    const { spec, status } = window;
    if (!spec.volumeSnapshots || !status?.frozenAt || status.endedBy) return undefined;
    return await Promise.all(snapshotsOf(window).map(async (wanted) => this.#stateOf(wanted, signal)));
  }

  async take(wanted: readonly VolumeSnapshot[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      wanted.map(async (snapshot) => {
        try {
          await this.#cluster.create(volumeSnapshots, snapshot, { signal });
        } catch (error) {
          if (isAlreadyExists(error)) return;
          if (!isRefusal(error)) throw error;
          this.#refused.set(snapshot.metadata.name, error.message);
        }
      }),
    );
  }

  /** Says on each that was cut what it is worth, if its label doesn't say so yet. */
  async mark(window: FsFreezeWindow, status: FsFreezeWindowStatus, signal: AbortSignal): Promise<Marked> {
    const { namespace } = window.metadata;
    const marked: Marked = { refused: [], failed: [] };
    const mark = async (name: string, verdict: string | undefined) => {
      const patch = { metadata: { labels: { [verdictLabel]: verdict } } };
      try {
        await this.#cluster.mergePatch(volumeSnapshots, { namespace, name }, patch, { signal });
      } catch (error) {
        if (!isRefusal(error)) {
          marked.failed.push({ name, error });
          return;
        }
        marked.refused.push(name);
      }
      this.#marked.set(name, verdict);
    };
    const wanted = (status.volumeSnapshots ?? [])
      .filter(({ creationTime }) => creationTime !== undefined)
      .map((snapshot) => ({ name: snapshot.name, verdict: isGood(snapshot) ? status.verdict : 'ConsistencyLost' }))
      .filter(({ name, verdict }) => this.#marked.get(name) !== verdict);
    await Promise.all(wanted.map(async ({ name, verdict }) => mark(name, verdict)));
    return marked;
  }

  async #stateOf(wanted: VolumeSnapshot, signal: AbortSignal): Promise<SnapshotState> {
    const refused = this.#refused.get(wanted.metadata.name);
    if (refused !== undefined) return { ...snapshotState(wanted, undefined), error: refused };
    try {
      return snapshotState(wanted, await this.#cluster.get(volumeSnapshots, wanted.metadata, { signal }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return snapshotState(wanted, undefined);
    }
  }
}

/** The API server said no, and would again. */
function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code >= 400 && error.code < 500 && error.code !== 409 && !isPassing(error);
}
