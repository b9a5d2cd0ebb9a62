import type { KubeObject, ObjectKey } from './objects.ts';

/** What a controller remembers of each object; another object of the same name is another one. */
export class ObjectMemory<T> {
  readonly #fresh: () => T;
  readonly #known = new Map<ObjectKey, { uid: string | undefined; memory: T }>();

  constructor(fresh: () => T) {
    this.#fresh = fresh;
  }

  of(key: ObjectKey, { metadata }: KubeObject): T {
    const known = this.#known.get(key);
    if (known && known.uid === metadata.uid) return known.memory;
    const memory = this.#fresh();
    this.#known.set(key, { uid: metadata.uid, memory });
    return memory;
  }

  /** The object is gone, or over. */
  forget(key: ObjectKey): void {
    this.#known.delete(key);
  }
}
