import type { CallOptions, Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { type KubeObject, keyOf, type ObjectRef, type Resource } from '../../../src/kube/objects.ts';
import { merged } from './merge-patch.ts';

type Call = 'get' | 'create' | 'replace' | 'mergePatch';

/** Single objects in memory, with versions, conflicts and failures at a test's command. */
export class MemoryCluster implements Pick<Cluster, Call> {
  readonly objects = new Map<string, KubeObject>();
  readonly calls: Call[] = [];
  /** Called before each call: a test may make it fail, or hang until the signal. */
  beforeCall: (call: Call, signal: AbortSignal | undefined) => Promise<void> | void = () => {};
  #version = 0;

  /** As the whole interface: nothing else may be called. */
  get cluster(): Cluster {
    return this as unknown as Cluster;
  }

  async get<T extends KubeObject>(_: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T> {
    await this.#begin('get', options);
    return structuredClone(this.#existing(ref)) as T;
  }

  async create<T extends KubeObject>(_: Resource<T>, object: T, options?: CallOptions): Promise<T> {
    await this.#begin('create', options);
    if (this.objects.has(keyOf(object))) throw new ApiError(409, 'AlreadyExists', 'already exists');
    return this.#store(object);
  }

  async replace<T extends KubeObject>(_: Resource<T>, object: T, options?: CallOptions): Promise<T> {
    await this.#begin('replace', options);
    this.#unchanged(object.metadata, object.metadata.resourceVersion);
    return this.#store(object);
  }

  async mergePatch<T extends KubeObject>(
    _: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T> {
    await this.#begin('mergePatch', options);
    const existing = this.#existing(ref) as T;
    const { metadata } = patch as Partial<KubeObject>;
    if (metadata?.resourceVersion !== undefined) this.#unchanged(ref, metadata.resourceVersion);
    return this.#store(merged(existing, patch) as T);
  }

  async #begin(call: Call, options: CallOptions | undefined): Promise<void> {
    this.calls.push(call);
    await this.beforeCall(call, options?.signal);
    options?.signal?.throwIfAborted();
  }

  #existing(ref: ObjectRef): KubeObject {
    const object = this.objects.get(keyOf(ref));
    if (!object) throw new ApiError(404, 'NotFound', `${keyOf(ref)} not found`);
    return object;
  }

  #unchanged(ref: ObjectRef, resourceVersion: string | undefined): void {
    if (this.#existing(ref).metadata.resourceVersion !== resourceVersion)
      throw new ApiError(409, 'Conflict', 'it has been modified');
  }

  #store<T extends KubeObject>(object: T): T {
    const stored = structuredClone({
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.#version) },
    });
    this.objects.set(keyOf(object), stored);
    return structuredClone(stored);
  }
}

/** Rejects when the signal aborts, and never otherwise: a server that doesn't answer. */
export async function hang(signal: AbortSignal | undefined): Promise<never> {
  return await new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
