import { type KubeObject, keyOf, type ObjectKey } from './objects.ts';

type IndexFunction<T> = (object: T) => readonly string[];

/** The objects of one resource as last seen, by key and by whatever they are indexed by. Never change what it gives. */
export class Cache<T extends KubeObject> {
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes = new Map<string, { keysOf: IndexFunction<T>; entries: Map<string, Map<ObjectKey, T>> }>();

  /** Adds an index before the cache fills. */
  addIndex(name: string, keysOf: IndexFunction<T>): void {
    this.#indexes.set(name, { keysOf, entries: new Map() });
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  keys(): ObjectKey[] {
    return [...this.#objects.keys()];
  }

  /** Throws a RangeError for an index that was never added. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new RangeError(`there is no index ${name}`);
    return [...(index.entries.get(value)?.values() ?? [])];
  }

  countByIndex(name: string, value: string): number {
    return this.#indexes.get(name)?.entries.get(value)?.size ?? 0;
  }

  /** How many objects there are of each value of an index. */
  countsByIndex(name: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [value, objects] of this.#indexes.get(name)?.entries ?? []) counts.set(value, objects.size);
    return counts;
  }

  /** Puts an object in its place and returns what was there. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const { keysOf, entries } of this.#indexes.values()) {
      if (before) drop(entries, keysOf(before), key);
      for (const value of keysOf(object)) {
        const bucket = entries.get(value) ?? new Map<ObjectKey, T>();
        entries.set(value, bucket.set(key, object));
      }
    }
    return before;
  }

  delete(key: ObjectKey): T | undefined {
    const before = this.#objects.get(key);
    if (!before) return undefined;
    this.#objects.delete(key);
    for (const { keysOf, entries } of this.#indexes.values()) drop(entries, keysOf(before), key);
    return before;
  }
}

function drop<T>(entries: Map<string, Map<ObjectKey, T>>, values: readonly string[], key: ObjectKey): void {
  for (const value of values) {
    const bucket = entries.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) entries.delete(value);
  }
}
