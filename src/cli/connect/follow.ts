import type { Cluster } from '../../kube/cluster.ts';
import { isExpired, isMalformed, isPassing } from '../../kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/objects.ts';
import type { Clock } from '../../seams/clock.ts';

/** An API server that is away for longer is not waited for. */
const patienceMs = 120_000;
const retryMs = 1000;

/**
 * One object as it is, and again at each change; undefined, and the end, once it is gone. Outages of the API server,
 * once it has answered, are sat out for two minutes. Rejects with the signal's reason when that aborts.
 */
export async function* follow<T extends KubeObject>(
  cluster: Pick<Cluster, 'list' | 'watch'>,
  resource: Resource<T>,
  { namespace, name }: ObjectRef,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<T | undefined> {
  const selection = { namespace, fieldSelector: `metadata.name=${name}`, signal };
  let begun = false;
  let awaySince: number | undefined;
  for (;;) {
    try {
      const { items, resourceVersion } = await cluster.list(resource, selection);
      begun = true;
      awaySince = undefined;
      yield items[0];
      if (!items[0]) return;
      for await (const event of cluster.watch(resource, { ...selection, resourceVersion })) {
        if (event.type === 'BOOKMARK') continue;
        yield event.type === 'DELETED' ? undefined : event.object;
        if (event.type === 'DELETED') return;
      }
      // A server that ends every watch at once is not asked in a hurry.
      await clock.sleep(retryMs, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!begun || (!isPassing(error) && !isExpired(error) && !isMalformed(error))) throw error;
      awaySince ??= clock.monotonic();
      if (clock.monotonic() - awaySince > patienceMs) throw error;
      await clock.sleep(retryMs, signal);
    }
  }
}

/** The object once `test` holds of it; undefined when it is gone. `seen` is told of each state on the way. */
export async function untilHolds<T extends KubeObject>(
  states: AsyncIterable<T | undefined>,
  test: (object: T) => boolean,
  seen: (object: T) => void = () => {},
): Promise<T | undefined> {
  for await (const object of states) {
    if (!object) return undefined;
    seen(object);
    if (test(object)) return object;
  }
  return undefined;
}
