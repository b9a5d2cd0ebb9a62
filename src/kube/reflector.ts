import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import { Backoff } from './backoff.ts';
import type { Cluster, ListOptions, WatchEvent } from './cluster.ts';
import { ApiError, isExpired, isMalformed } from './errors.ts';
import type { KubeObject, Resource } from './objects.ts';

export interface ReflectorOptions<T extends KubeObject> {
  cluster: Cluster;
  resource: Resource<T>;
  selection?: Omit<ListOptions, 'signal'>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Everything there is: after the start, and whenever the thread of events was lost. */
  onList(items: T[]): void;
  onEvent(event: Extract<WatchEvent<T>, { object: T }>): void;
  /** Called when a list or a watch failed and is begun again. */
  onRestart?(reason: string): void;
}

/** As client-go's reflector: from 0.8 to 30 seconds. */
const backoff = { firstMs: 800, longestMs: 30_000 };
/** As client-go: a watch that ends sooner, without a word, has failed. */
const shortestWatchMs = 1000;

/**
 * Follows one resource: a list, then a watch from there, for ever. A watch that ends is resumed where it stood; when the
 * server has forgotten that point, everything is listed anew. Every error is waited out; only the signal ends it.
 */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, resource, onRestart } = options;
  const waits = new Backoff(backoff, random);
  let from: string | undefined;
  while (!signal.aborted) {
    try {
      if (from === undefined) {
        const { items, resourceVersion } = await options.cluster.list(resource, { ...options.selection, signal });
        options.onList(items);
        from = resourceVersion;
      }
      const startedAt = clock.monotonic();
      let silent = true;
      for await (const event of options.cluster.watch(resource, {
        ...options.selection,
        resourceVersion: from,
        signal,
      })) {
        silent = false;
        waits.reset();
        from = versionOf(event) ?? from;
        if (event.type !== 'BOOKMARK') options.onEvent(event);
      }
      // The server ended it, as it does every few minutes.
      if (silent && clock.monotonic() - startedAt < shortestWatchMs) {
        throw new ApiError(0, 'ConnectionLost', 'the watch ended as soon as it began');
      }
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof ApiError ? error.reason : 'Unexpected';
      onRestart?.(reason);
      // What is too old to resume, or was left undone by a broken event, a list mends.
      if (isExpired(error) || isMalformed(error) || !(error instanceof ApiError)) from = undefined;
      const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
      const waitMs = Math.max(asked, waits.next());
      logger.warn({ err: error, resource: resource.plural, waitMs }, 'a list or watch failed: beginning again');
      await clock.sleep(waitMs, signal).catch(() => {});
    }
  }
}

function versionOf<T extends KubeObject>(event: WatchEvent<T>): string | undefined {
  return event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
}
