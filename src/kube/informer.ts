import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { Cache } from './cache.ts';
import type { Cluster, ListOptions } from './cluster.ts';
import { type KubeObject, keyOf, type ObjectKey, type Resource } from './objects.ts';
import { reflect } from './reflector.ts';

export interface InformerOptions<T extends KubeObject> {
  cluster: Cluster;
  resource: Resource<T>;
  selection?: Omit<ListOptions, 'signal'>;
  clock: Clock;
  random: Random;
  logger: Logger;
  onRestart?(resource: string, reason: string): void;
}

/** `before` is undefined for a new object, `after` for one that is gone. */
export type ChangeHandler<T> = (key: ObjectKey, before: T | undefined, after: T | undefined) => void;

/** A cache of one resource that follows the API server, and tells what changes. */
export class Informer<T extends KubeObject> {
  readonly cache = new Cache<T>();
  /** Resolves when the cache has been filled for the first time. */
  readonly synced: Promise<void>;
  #hasSynced = false;
  #markSynced: () => void = () => {};
  readonly #options: InformerOptions<T>;
  readonly #handlers: ChangeHandler<T>[] = [];

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
  }

  /** Follows the resource until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { onRestart, resource, ...options } = this.#options;
    await reflect(
      {
        ...options,
        resource,
        onList: (items) => this.#replace(items),
        onEvent: ({ type, object }) => (type === 'DELETED' ? this.#remove(keyOf(object)) : this.#put(object)),
        ...(onRestart && { onRestart: (reason: string) => onRestart(resource.plural, reason) }),
      },
      signal,
    );
  }

  #replace(items: T[]): void {
    const gone = new Set(this.cache.keys());
    for (const item of items) {
      gone.delete(keyOf(item));
      this.#put(item);
    }
    for (const key of gone) this.#remove(key);
    this.#hasSynced = true;
    this.#markSynced();
  }

  #put(object: T): void {
    const { uid } = this.cache.get(keyOf(object))?.metadata ?? {};
    // Made anew by the same name while nobody watched: what the old one was is news by itself.
    if (uid !== undefined && uid !== object.metadata.uid) this.#remove(keyOf(object));
    const before = this.cache.set(object);
    if (before?.metadata.resourceVersion !== object.metadata.resourceVersion) this.#tell(keyOf(object), before, object);
  }

  #remove(key: ObjectKey): void {
    const before = this.cache.delete(key);
    if (before) this.#tell(key, before, undefined);
  }

  /** One handler's mistake must not cost the others their news. */
  #tell(key: ObjectKey, before: T | undefined, after: T | undefined): void {
    for (const handler of this.#handlers) {
      try {
        handler(key, before, after);
      } catch (error) {
        this.#options.logger.error(
          { err: error, key, resource: this.#options.resource.plural },
          'a change handler failed',
        );
      }
    }
  }
}
