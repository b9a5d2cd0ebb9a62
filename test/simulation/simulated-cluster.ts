import type {
  CallOptions,
  Cluster,
  DeleteOptions,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
} from '../../src/kube/cluster.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { type KubeObject, keyOf, type ObjectRef, type Resource } from '../../src/kube/objects.ts';
import type { ApiFaults } from './faults.ts';
import type { Change, SimulatedApiServer } from './simulated-api-server.ts';
import type { Course, SimulatedProcess } from './simulated-process.ts';
import { SimulatedWatch } from './simulated-watch.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

export interface SimulatedClusterOptions {
  server: SimulatedApiServer;
  timeline: Timeline;
  process: SimulatedProcess;
  /** What goes wrong now; undefined: nothing. */
  faults(): ApiFaults | undefined;
  trace: Trace | undefined;
}

/** As HttpCluster's. */
const timeoutMs = 30_000;

/** One process's way to the API server: slow, broken or parted from it as the seed has it. */
export class SimulatedCluster implements Cluster {
  readonly #options: SimulatedClusterOptions;

  constructor(options: SimulatedClusterOptions) {
    this.#options = options;
  }

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T> {
    return await this.#call(
      `get ${resource.plural} ${keyOf(ref)}`,
      options,
      (server) => server.get(resource, ref),
      true,
    );
  }

  async list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>> {
    return await this.#call(`list ${resource.plural}`, options, (server) => server.list(resource, options), true);
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T> {
    const what = `create ${resource.plural} ${keyOf(object)}`;
    return await this.#call(what, options, (server) => server.create(resource, object));
  }

  async replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T> {
    const what = `replace ${resource.plural} ${keyOf(object)}`;
    return await this.#call(what, options, (server) => server.replace(resource, object));
  }

  async replaceStatus<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T> {
    const { phase, reason } = (object as { status?: { phase?: string; reason?: string } }).status ?? {};
    const what = `replace status of ${resource.plural} ${keyOf(object)}: ${phase ?? ''} ${reason ?? ''}`;
    return await this.#call(what, options, (server) => server.replaceStatus(resource, object));
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T> {
    const what = `patch ${resource.plural} ${keyOf(ref)}`;
    return await this.#call(what, options, (server) => server.mergePatch(resource, ref, patch));
  }

  async delete<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: DeleteOptions): Promise<void> {
    const what = `delete ${resource.plural} ${keyOf(ref)}`;
    await this.#call(what, options, (server) => server.delete(resource, ref, options));
  }

  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { server, timeline, process, faults } = this.#options;
    const { resourceVersion, signal } = options;
    const seen = await this.#call(
      `watch ${resource.plural} from ${resourceVersion}`,
      { signal },
      () => {
        if (process.chance.happens(faults()?.expired ?? 0)) throw new ApiError(410, 'Expired', 'etcd was compacted');
        const changes = server.changesSince(Number(resourceVersion));
        return { changes: changes.filter(isOf(resource)), version: server.version };
      },
      true,
    );
    const watch = new SimulatedWatch<T>({ ...this.#options, timeline, resource, options, faults });
    try {
      watch.begin(seen.changes, seen.version);
      for (let next = await watch.next(); next; next = await watch.next()) yield next;
    } finally {
      watch.close();
    }
  }

  async #call<R>(
    what: string,
    options: CallOptions | undefined,
    effect: (server: SimulatedApiServer) => R,
    isRead = false,
  ): Promise<R> {
    const { server, process, trace } = this.#options;
    const course = this.#course(what, isRead);
    if (!trace) return await process.call(course, () => effect(server), options?.signal);
    trace.say(process.name, `${what}${told(course)}`);
    return await process.call(
      course,
      () => {
        try {
          return effect(server);
        } catch (error) {
          trace.say('api server', `refuses ${process.name}'s ${what}: ${(error as Error).message}`);
          throw error;
        }
      },
      options?.signal,
    );
  }

  #course(what: string, isRead: boolean): Course {
    const { process, timeline, faults } = this.#options;
    const { chance } = process;
    const effectMs = chance.between(0.5, 3);
    const answerMs = effectMs + chance.between(0.5, 3);
    if (process.partitionedUntil > timeline.elapsed) {
      return chance.happens(0.5)
        ? { effectMs: undefined, answerMs, error: new ApiError(0, 'Unreachable', 'connection refused') }
        : { effectMs: undefined, answerMs: timeoutMs, error: timedOut(what) };
    }
    const fault = chance.oneOf(faults()?.calls ?? {});
    switch (fault) {
      case undefined:
        return { effectMs, answerMs };
      case 'slow':
        return { effectMs: chance.between(1, 4000), answerMs: chance.between(4000, 8000) };
      case 'unreachable':
        return { effectMs: undefined, answerMs, error: new ApiError(0, 'Unreachable', 'connection refused') };
      case 'tooMany':
        return { effectMs: undefined, answerMs, error: new ApiError(429, 'TooManyRequests', 'later, please', 1) };
      case 'conflict':
        // Only a write can conflict.
        if (isRead) return { effectMs, answerMs };
        return { effectMs: undefined, answerMs, error: new ApiError(409, 'Conflict', 'the object has been modified') };
      case 'answerLost':
        return { effectMs, answerMs, error: new ApiError(0, 'ConnectionLost', `${what}: socket hang up`) };
      case 'serverError':
        return { effectMs, answerMs, error: new ApiError(500, 'InternalError', 'etcdserver: request timed out') };
      case 'late':
        // One that is made when its owner is gone again can't be told from a new one by anybody.
        if (what.startsWith('create')) return { effectMs: undefined, answerMs: timeoutMs, error: timedOut(what) };
        return { effectMs: timeoutMs + chance.between(0, 10_000), answerMs: timeoutMs, error: timedOut(what) };
      case 'crashBefore':
        return { effectMs, answerMs, crash: 'before' };
      case 'crashAfter':
        return { effectMs, answerMs, crash: 'after' };
    }
  }
}

function isOf({ plural }: Resource<KubeObject>): (change: Change) => boolean {
  return (change) => change.plural === plural;
}

function timedOut(what: string): ApiError {
  return new ApiError(0, 'Timeout', `${what} took over ${timeoutMs} ms`);
}

function told({ error, crash, answerMs, effectMs }: Course): string {
  if (crash) return ` – dies ${crash} it takes effect`;
  if (error) return ` – ${effectMs === undefined ? 'never arrives' : 'its answer is lost'}: ${error.message}`;
  return answerMs > 100 ? ` – takes ${Math.round(answerMs)} ms` : '';
}
