import { type Dispatcher, errors as undiciErrors } from 'undici';
import { systemClock } from '../seams/clock.ts';
import { version } from '../version.ts';
import type {
  CallOptions,
  Cluster,
  DeleteOptions,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
} from './cluster.ts';
import { Connections } from './connections.ts';
import { servedPlurals } from './discovery.ts';
import type { Endpoint } from './endpoint.ts';
import { ApiError, apiErrorOf, isExpired, isUnexplained } from './errors.ts';
import type { GroupVersion, KubeObject, ObjectRef, Resource } from './objects.ts';
import { query, resourcePath, selectors } from './resource-path.ts';
import { parseWatch } from './watch-stream.ts';
import { within } from './within.ts';

export interface HttpClusterOptions {
  endpoint: Endpoint;
  /** How long a request may take in all. */
  timeoutMs?: number;
  /** Chance in [0, 1): spreads the ends of watches. */
  random: () => number;
}

interface Request {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** What the path is of, if it is of a kind. */
  resource?: GroupVersion & { plural: string };
  body?: object | undefined;
  contentType?: string;
  signal?: AbortSignal | undefined;
}

const defaultTimeoutMs = 30_000;
const pageSize = 500;
/** As client-go: a watch is ended by the server after 5 to 10 minutes, so that load moves between API servers. */
const shortestWatchSeconds = 300;

/** The API server over HTTP: one pool of connections, JSON both ways, every failure an ApiError. */
export class HttpCluster implements Cluster {
  readonly #endpoint: Endpoint;
  /** A proxy such as Rancher's serves each cluster's API below a path of its own. */
  readonly #base: { origin: string; path: string };
  readonly #timeoutMs: number;
  readonly #random: () => number;
  readonly #connections: Connections;

  constructor({ endpoint, timeoutMs = defaultTimeoutMs, random }: HttpClusterOptions) {
    this.#endpoint = endpoint;
    const { origin, pathname } = new URL(endpoint.server);
    this.#base = { origin, path: pathname.replace(/\/+$/, '') };
    this.#timeoutMs = timeoutMs;
    this.#random = random;
    this.#connections = new Connections(endpoint, timeoutMs);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  /** What the API server tells at a path that is no object's: its version, the kinds it serves. */
  async read<T extends object>(path: string, { signal }: CallOptions = {}): Promise<T> {
    return await this.#call<T>({ method: 'GET', path, signal });
  }

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return await this.#call<T>({ method: 'GET', path: resourcePath(resource, ref), resource, ...options });
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    try {
      return await this.#listPages(resource, options, pageSize);
    } catch (error) {
      // The snapshot went away between two pages: in one piece, then.
      if (!isExpired(error)) throw error;
      return await this.#listPages(resource, options, undefined);
    }
  }

  async #listPages<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, signal, ...options }: ListOptions,
    limit: number | undefined,
  ): Promise<ObjectList<T>> {
    interface Page {
      items: T[];
      metadata: { resourceVersion: string; continue?: string };
    }
    const { group, version: apiVersionPart, kind } = resource;
    const apiVersion = group === '' ? apiVersionPart : `${group}/${apiVersionPart}`;
    const items: T[] = [];
    let next: string | undefined;
    let resourceVersion = '';
    do {
      const path = resourcePath(resource, { namespace }) + query({ ...selectors(options), limit, continue: next });
      const page = await this.#call<Page>({ method: 'GET', path, resource, signal });
      // Items of a list come without the kind that a single object has.
      for (const item of page.items) items.push(trimmed({ ...item, apiVersion, kind }));
      next = page.metadata.continue || undefined;
      resourceVersion = page.metadata.resourceVersion;
    } while (next !== undefined);
    return { items, resourceVersion };
  }

  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { namespace, resourceVersion, signal } = options;
    const timeoutSeconds = Math.round(shortestWatchSeconds * (1 + this.#random()));
    const parameters = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds,
      ...selectors(options),
    };
    const path = resourcePath(resource, { namespace }) + query(parameters);
    try {
      const response = await this.#send({ method: 'GET', path, signal }, 'watches');
      if (response.statusCode !== 200) throw await errorOf(response);
      for await (const event of parseWatch<T>(response.body)) {
        if (event.type !== 'BOOKMARK') trimmed(event.object);
        yield event;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw transportError(error, 'watch');
    }
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    const path = resourcePath(resource, { namespace: object.metadata.namespace });
    return await this.#call<T>({ method: 'POST', path, resource, body: object, ...options });
  }

  async replace<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    const path = resourcePath(resource, object.metadata);
    return await this.#call<T>({ method: 'PUT', path, resource, body: object, ...options });
  }

  async replaceStatus<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const path = resourcePath(resource, { namespace, name, subresource: 'status' });
    return await this.#call<T>({ method: 'PUT', path, resource, body: object, ...options });
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, name }: ObjectRef,
    patch: object,
    options: CallOptions = {},
  ): Promise<T> {
    const path = resourcePath(resource, { namespace, name });
    return await this.#call<T>({
      method: 'PATCH',
      path,
      resource,
      body: patch,
      contentType: 'application/merge-patch+json',
      ...options,
    });
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, name }: ObjectRef,
    { uid, resourceVersion, propagationPolicy = 'Background', signal }: DeleteOptions = {},
  ): Promise<void> {
    const body = { propagationPolicy, preconditions: { uid, resourceVersion } };
    const path = resourcePath(resource, { namespace, name });
    await this.#call({ method: 'DELETE', path, resource, body, signal });
  }

  async #call<R>(request: Request): Promise<R> {
    const { signal, method, path, resource } = request;
    const late = () => new ApiError(0, 'Timeout', `${method} ${path} took over ${this.#timeoutMs} ms`);
    try {
      return await within(systemClock, this.#timeoutMs, late, signal, async (bounded) => {
        const response = await this.#send({ ...request, signal: bounded }, 'calls');
        if (response.statusCode >= 300) throw await this.#explained(await errorOf(response), resource, bounded);
        return trimmed((await response.body.json()) as R & Partial<KubeObject>);
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw transportError(error, `${method} ${path}`);
    }
  }

  /** Of a kind that it doesn't serve the API server says no more than any proxy: what it does serve tells. */
  async #explained(refusal: ApiError, resource: Request['resource'], signal: AbortSignal): Promise<ApiError> {
    if (!resource || refusal.code !== 404 || !isUnexplained(refusal)) return refusal;
    const { plural, group, version: ofGroup } = resource;
    const served = await servedPlurals((path) => this.read(path, { signal }), resource).catch(() => undefined);
    signal.throwIfAborted();
    if (!served || served.includes(plural)) return refusal;
    return new ApiError(404, 'NotFound', `the API server serves no ${plural} of ${group}/${ofGroup}`);
  }

  async #send(request: Request, use: 'calls' | 'watches'): Promise<Dispatcher.ResponseData> {
    const { method, path, body, contentType = 'application/json', signal } = request;
    const credentials = await this.#credentials();
    return await this.#connections.of(use).request({
      origin: this.#base.origin,
      method,
      path: this.#base.path + path,
      headers: {
        ...credentials,
        accept: 'application/json',
        'user-agent': `qga-operator/${version}`,
        ...(body && { 'content-type': contentType }),
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  async #credentials(): Promise<Record<string, string>> {
    try {
      return await this.#endpoint.authorize();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new ApiError(0, 'Unreachable', `there are no credentials for the API server: ${problem}`, undefined, {
        cause: error,
      });
    }
  }
}

/** Who wrote which field is bulk that nobody here reads. */
function trimmed<R extends { metadata?: object | undefined }>(object: R): R {
  if (object.metadata && 'managedFields' in object.metadata) delete object.metadata.managedFields;
  return object;
}

async function errorOf({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<ApiError> {
  const retryAfter = headers['retry-after'];
  return apiErrorOf(statusCode, await body.text(), Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
}

function transportError(error: unknown, what: string): ApiError {
  if (error instanceof ApiError) return error;
  const { code } = (error ?? {}) as { code?: string };
  const problem = problemOf(error);
  const isRefusedByProxy = error instanceof undiciErrors.RequestAbortedError && problem.startsWith('Proxy response');
  const isTooSlow = error instanceof undiciErrors.ConnectTimeoutError;
  if (isTooSlow || isRefusedByProxy || (code !== undefined && neverSent.has(code))) {
    return new ApiError(0, 'Unreachable', `the API server can't be reached: ${problem}`, undefined, { cause: error });
  }
  const late = error instanceof undiciErrors.HeadersTimeoutError || error instanceof undiciErrors.BodyTimeoutError;
  return new ApiError(0, late ? 'Timeout' : 'ConnectionLost', `${what}: ${problem}`, undefined, { cause: error });
}

/** What was tried over several addresses has no message of its own. */
function problemOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(problemOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'UND_ERR_PRX_CONN',
  'UND_ERR_PRX_TLS',
]);
