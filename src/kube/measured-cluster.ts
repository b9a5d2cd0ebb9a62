import type { Clock } from '../seams/clock.ts';
import type { Cluster } from './cluster.ts';
import { ApiError } from './errors.ts';

/** One request as somebody who measures wants to hear of it. */
export interface ApiRequest {
  /** As in RBAC: `get`, `list`, `create`, `update`, `patch`, `delete`. */
  verb: string;
  /** The plural, with `/status` where that is what was written. */
  resource: string;
  /** `2xx`, the HTTP status of a refusal, or a TransportReason where there was no answer. */
  code: string;
  seconds: number;
}

/** The same cluster, with a word on every request that ended. Watches go on for minutes and are not told of. */
export function measuredCluster(cluster: Cluster, clock: Clock, onRequest: (request: ApiRequest) => void): Cluster {
  async function measure<R>(verb: string, { plural }: { plural: string }, request: Promise<R>, sub = ''): Promise<R> {
    const since = clock.monotonic();
    const ended = (code: string) =>
      onRequest({ verb, resource: `${plural}${sub}`, code, seconds: (clock.monotonic() - since) / 1000 });
    try {
      const answer = await request;
      ended('2xx');
      return answer;
    } catch (error) {
      // Anything else is the caller's own signal.
      if (error instanceof ApiError) ended(error.code === 0 ? error.reason : String(error.code));
      throw error;
    }
  }
  return {
    get: (resource, ...rest) => measure('get', resource, cluster.get(resource, ...rest)),
    list: (resource, ...rest) => measure('list', resource, cluster.list(resource, ...rest)),
    watch: (resource, options) => cluster.watch(resource, options),
    create: (resource, ...rest) => measure('create', resource, cluster.create(resource, ...rest)),
    replace: (resource, ...rest) => measure('update', resource, cluster.replace(resource, ...rest)),
    replaceStatus: (resource, ...rest) =>
      measure('update', resource, cluster.replaceStatus(resource, ...rest), '/status'),
    mergePatch: (resource, ...rest) => measure('patch', resource, cluster.mergePatch(resource, ...rest)),
    delete: (resource, ...rest) => measure('delete', resource, cluster.delete(resource, ...rest)),
  };
}
