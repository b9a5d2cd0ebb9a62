import type { GuestTask } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type ConfigMap, configMaps, type Secret, secrets } from '../kube/core-resources.ts';
import { isAlreadyExists, isPassing } from '../kube/errors.ts';
import { controllerOf, type ObjectMeta } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';
import { type OutputStream, outputName } from './output-name.ts';

export type OutputKind = 'ConfigMap' | 'Secret';

/** What marks an object, and is the type of a Secret, that holds what a command printed. */
const outputMark = 'qga.dev/output';

const firstRetryMs = 500;
const longestRetryMs = 15_000;
/** An API server that is away for longer doesn't get the output; how the command ended it still does. */
const givesUpAfterMs = 5 * 60_000;

export interface OutputKeeperOptions {
  cluster: Cluster;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Keeps what a command printed in objects that belong to its task: immutable, so written once and never changed. Agents
 * may create such objects and read none.
 */
export class OutputKeeper {
  readonly #task: GuestTask;
  readonly #options: OutputKeeperOptions;

  constructor(task: GuestTask, options: OutputKeeperOptions) {
    this.#task = task;
    this.#options = options;
  }

  /**
   * Keeps one part of a stream and answers the object's name, the same each time. Throws an ApiError where the API server
   * refuses it or is away for minutes.
   */
  async keep(kind: OutputKind, stream: OutputStream, part: number, bytes: Buffer): Promise<string> {
    const { clock, signal } = this.#options;
    const name = outputName(this.#task.metadata, stream, part);
    const giveUpAt = clock.monotonic() + givesUpAfterMs;
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
      try {
        await this.#create(kind, this.#metadata(name, stream), bytes);
        return name;
      } catch (error) {
        if (isAlreadyExists(error)) return name;
        if (!isPassing(error) || clock.monotonic() > giveUpAt) throw error;
      }
      await clock.sleep(waitMs, signal);
    }
  }

  #metadata(name: string, stream: OutputStream): ObjectMeta {
    const { namespace } = this.#task.metadata;
    // To hold its owner's deletion up takes a right that agents don't have.
    const { blockOwnerDeletion: _, ...owner } = controllerOf(this.#task);
    return {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { [outputMark]: stream },
      ownerReferences: [owner],
    };
  }

  async #create(kind: OutputKind, metadata: ObjectMeta, bytes: Buffer): Promise<void> {
    const { cluster, signal } = this.#options;
    const data = { data: bytes.toString('base64') };
    if (kind === 'Secret') {
      const secret: Secret = { apiVersion: 'v1', kind, metadata, type: outputMark, immutable: true, data };
      await cluster.create(secrets, secret, { signal });
    } else {
      const configMap: ConfigMap = { apiVersion: 'v1', kind, metadata, immutable: true, binaryData: data };
      await cluster.create(configMaps, configMap, { signal });
    }
  }
}
