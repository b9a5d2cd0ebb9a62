import { isDeepStrictEqual } from 'node:util';
import type { DeleteOptions, ListOptions, ObjectList } from '../../src/kube/cluster.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { type KubeObject, keyOf, type ObjectKey, type ObjectRef, type Resource } from '../../src/kube/objects.ts';
import { timestamp } from '../../src/seams/clock.ts';
import type { Chance } from './chance.ts';
import { selects } from './selectors.ts';
import type { Timeline } from './timeline.ts';

/** What happened to one object; `before` is missing for a new one, `after` for one that is gone. */
export interface Change {
  version: number;
  plural: string;
  before: KubeObject | undefined;
  after: KubeObject | undefined;
}

type Stored = KubeObject & { spec?: unknown; status?: unknown };

/** So many changes can be watched from: an older resourceVersion is `Expired`. */
const remembered = 80;

/**
 * The API server and etcd, and the garbage collector, in memory: as much of them as this project leans on. It refuses as
 * the real one does: conflicts, preconditions, names that are taken, versions that are too old to watch from.
 *
 * Its answers are frozen and shared by all: whoever changes one breaks a rule of the caches, and fails at once.
 */
export class SimulatedApiServer {
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #objects = new Map<string, Map<ObjectKey, Stored>>();
  readonly #uids = new Set<string>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #version = 100;

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  get version(): number {
    return this.#version;
  }

  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): T {
    return this.#existing(resource, ref) as KubeObject as T;
  }

  list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): ObjectList<T> {
    const selected = selects(options);
    const items = [...this.#of(resource.plural).values()].filter(selected) as KubeObject[] as T[];
    return { items, resourceVersion: String(this.#version) };
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T): T {
    if (this.#of(resource.plural).has(keyOf(object))) {
      throw new ApiError(409, 'AlreadyExists', `${resource.plural} "${keyOf(object)}" already exists`);
    }
    const { status, ...rest } = asSent(object) as Stored;
    const kept = hasStatus(resource) || status === undefined ? rest : { ...rest, status };
    const uid = this.#chance.uuid();
    this.#uids.add(uid);
    const metadata = { ...rest.metadata, uid, generation: 1, creationTimestamp: timestamp(this.#timeline.now) };
    const stored = this.#store(resource, undefined, { ...kept, metadata });
    this.#collectIfOrphan(resource, stored);
    return stored as KubeObject as T;
  }

  replace<T extends KubeObject>(resource: Resource<T>, object: T): T {
    const existing = this.#unchanged(resource, object);
    const sent = asSent(object) as Stored;
    const { uid, generation, creationTimestamp } = existing.metadata;
    const metadata = { ...sent.metadata, ...compact({ uid, generation, creationTimestamp }) };
    const status = hasStatus(resource) ? existing.status : sent.status;
    return this.#update(resource, existing, { ...sent, metadata, ...(status !== undefined && { status }) }) as T;
  }

  replaceStatus<T extends KubeObject>(resource: Resource<T>, object: T): T {
    const existing = this.#unchanged(resource, object);
    const { status } = object as Stored;
    return this.#update(resource, existing, { ...existing, status: asSent(status) }) as T;
  }

  mergePatch<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, patch: object): T {
    const existing = this.#existing(resource, ref);
    const { status: _, ...changes } = asSent(patch) as Partial<Stored>;
    const { resourceVersion } = changes.metadata ?? {};
    if (resourceVersion !== undefined)
      this.#unchanged(resource, { metadata: { ...existing.metadata, resourceVersion } });
    return this.#update(resource, existing, merged(existing, changes) as Stored) as T;
  }

  delete<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: DeleteOptions = {}): void {
    const existing = this.#existing(resource, ref);
    const { uid, resourceVersion, finalizers, deletionTimestamp } = existing.metadata;
    if ((options.uid ?? uid) !== uid || (options.resourceVersion ?? resourceVersion) !== resourceVersion) {
      throw new ApiError(409, 'Conflict', `the preconditions for ${keyOf(ref)} are not met`);
    }
    if (!finalizers?.length) this.#remove(resource, existing);
    else if (!deletionTimestamp) {
      const metadata = { ...existing.metadata, deletionTimestamp: timestamp(this.#timeline.now) };
      this.#store(resource, existing, { ...existing, metadata });
    }
  }

  /** What happened after a version, in its order. Throws `Expired` when that is too long ago. */
  changesSince(version: number): readonly Change[] {
    const oldest = this.#history[0]?.version ?? this.#version + 1;
    if (version + 1 < oldest && this.#history.length >= remembered) {
      throw new ApiError(410, 'Expired', `too old resource version: ${version} (${oldest})`);
    }
    return this.#history.filter((change) => change.version > version);
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #of(plural: string): Map<ObjectKey, Stored> {
    let objects = this.#objects.get(plural);
    if (!objects) this.#objects.set(plural, (objects = new Map()));
    return objects;
  }

  #existing(resource: Resource<KubeObject>, ref: ObjectRef): Stored {
    const object = this.#of(resource.plural).get(keyOf(ref));
    if (!object) throw new ApiError(404, 'NotFound', `${resource.plural} "${keyOf(ref)}" not found`);
    return object;
  }

  /** The object, if the one that was sent was made from it. */
  #unchanged(resource: Resource<KubeObject>, { metadata }: KubeObject): Stored {
    const existing = this.#existing(resource, metadata);
    const { uid, resourceVersion } = existing.metadata;
    if (metadata.resourceVersion !== resourceVersion || (metadata.uid ?? uid) !== uid) {
      throw new ApiError(409, 'Conflict', `${resource.plural} "${keyOf(metadata)}": the object has been modified`);
    }
    return existing;
  }

  #update(resource: Resource<KubeObject>, before: Stored, after: Stored): KubeObject {
    if (isDeepStrictEqual(before, after)) return before;
    const changed = !isDeepStrictEqual(before.spec, after.spec);
    const generation = (before.metadata.generation ?? 1) + (changed ? 1 : 0);
    const updated = { ...after, metadata: { ...after.metadata, generation } };
    if (updated.metadata.deletionTimestamp && !updated.metadata.finalizers?.length)
      return this.#remove(resource, updated);
    return this.#store(resource, before, updated);
  }

  #store({ plural }: Resource<KubeObject>, before: Stored | undefined, after: Stored): Stored {
    const resourceVersion = String(++this.#version);
    const stored = frozen({ ...after, metadata: { ...after.metadata, resourceVersion } });
    this.#of(plural).set(keyOf(stored), stored);
    this.#tell({ version: this.#version, plural, before, after: stored });
    return stored;
  }

  #remove({ plural }: Resource<KubeObject>, object: Stored): Stored {
    const version = ++this.#version;
    this.#of(plural).delete(keyOf(object));
    const before = frozen({ ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
    const { uid } = object.metadata;
    if (uid) this.#uids.delete(uid);
    this.#tell({ version, plural, before, after: undefined });
    this.#timeline.in(this.#chance.between(5, 500), () => this.#collectDependentsOf(uid));
    return before;
  }

  #tell(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > 2 * remembered) this.#history = this.#history.slice(-remembered);
    for (const listener of this.#listeners) listener(change);
  }

  #collectDependentsOf(uid: string | undefined): void {
    for (const [plural, objects] of this.#objects) {
      for (const object of Array.from(objects.values())) {
        const owners = object.metadata.ownerReferences ?? [];
        if (owners.some((owner) => owner.uid === uid) && !owners.some((owner) => this.#uids.has(owner.uid))) {
          this.delete({ plural } as Resource<KubeObject>, object.metadata);
        }
      }
    }
  }

  /** Made for an owner that is gone: the garbage collector finds that out, too. */
  #collectIfOrphan(resource: Resource<KubeObject>, { metadata }: Stored): void {
    const { uid, ownerReferences = [] } = metadata;
    if (ownerReferences.length === 0 || ownerReferences.some((owner) => this.#uids.has(owner.uid))) return;
    this.#timeline.in(this.#chance.between(5, 500), () => {
      if (this.#of(resource.plural).get(keyOf(metadata))?.metadata.uid === uid) this.delete(resource, metadata);
    });
  }
}

/** Every kind of this project has a status that is written apart; of the others no status is written at all. */
function hasStatus({ group }: Resource<KubeObject>): boolean {
  return group === 'qga.dev';
}

/** As it comes out of JSON: nothing shared with the sender, nothing undefined. */
function asSent<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}

function merged(into: unknown, patch: unknown): unknown {
  if (!isPlain(patch)) return patch;
  const result: Record<string, unknown> = isPlain(into) ? { ...into } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}

function compact<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}
