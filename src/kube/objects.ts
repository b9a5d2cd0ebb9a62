/** The parts of Kubernetes' ObjectMeta that controllers read or write. Times are RFC 3339 strings, as on the wire. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

export interface GroupVersion {
  /** Empty for the core kinds. */
  group: string;
  version: string;
}

/** Where a kind is served. `T` is what its objects look like; it exists for the compiler only. */
export interface Resource<T extends KubeObject> extends GroupVersion {
  kind: string;
  plural: string;
  namespaced: boolean;
  readonly __object?: T;
}

/** One object's place within its resource. */
export interface ObjectRef {
  namespace?: string | undefined;
  name: string;
}

/** `namespace/name`, or `name` when cluster-scoped: the key of caches and work queues. */
export type ObjectKey = string;

export function keyOf(object: KubeObject | ObjectRef): ObjectKey {
  const { namespace, name } = 'metadata' in object ? object.metadata : object;
  return namespace ? `${namespace}/${name}` : name;
}

/** What tells an object from another of its name. Throws a TypeError for one that the API server has not seen. */
export function uidOf({ metadata }: KubeObject): string {
  if (!metadata.uid) throw new TypeError(`${metadata.name} has no uid: it does not come from the API server`);
  return metadata.uid;
}

export function refOf(key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** An owner reference that makes the owner's deletion collect the object. */
export function controllerOf(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  if (!apiVersion || !kind || !metadata.uid) throw new TypeError('an owner needs apiVersion, kind and uid');
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}
