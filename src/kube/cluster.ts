import type { KubeObject, ObjectRef, Resource } from './objects.ts';

/** Every call is bounded: by the signal, and by a timeout of its own when the caller sets none. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface ListOptions extends CallOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface ObjectList<T> {
  items: T[];
  /** The version a watch goes on from. */
  resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  resourceVersion: string;
  signal: AbortSignal;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** Carries only a resourceVersion: everything up to it has been seen. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface DeleteOptions extends CallOptions {
  /** Refuse (409) unless it is still this very object. */
  uid?: string | undefined;
  /** Refuse (409) unless it is as it was when it was read. */
  resourceVersion?: string | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/**
 * What controllers need of Kubernetes. Every failure is an ApiError (see errors.ts), a cut connection included.
 *
 * A watch ends normally when the server closes it, throws an ApiError with reason `Expired` (410) when its
 * resourceVersion is too old, and ends with the signal's reason when that aborts.
 */
export interface Cluster {
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** All matching objects; pages through the server's answer where it is long. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>;
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  /** PUT: refused with a 409 unless the object's resourceVersion is the newest. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  /** PUT on the status subresource: refused with a 409 unless the object's resourceVersion is the newest. */
  replaceStatus<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  /** RFC 7386 merge patch; `null` removes a field. With `metadata.resourceVersion` in the patch it is conditional. */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
}
