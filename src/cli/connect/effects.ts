import type { Cluster } from '../../kube/cluster.ts';
import { ApiError, isAlreadyExists, isNotFound, isPassing, isUnexplained } from '../../kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/objects.ts';
import type { Clock } from '../../seams/clock.ts';

const retryMs = 1000;
const settlingMs = 1000;
const createPatienceMs = 15_000;
/** What is put in order behind a person who wants to leave may take so long. */
const tidyMs = 20_000;

/**
 * Creates an object whose name nobody else uses: sent again where nobody knows whether it arrived, for a name is taken
 * once only.
 */
export async function createOnce<T extends KubeObject>(
  cluster: Pick<Cluster, 'create' | 'get'>,
  resource: Resource<T>,
  object: T,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  const giveUpAt = clock.monotonic() + createPatienceMs;
  let doubt: ApiError | undefined;
  for (;;) {
    try {
      return await cluster.create(resource, object, { signal });
    } catch (error) {
      if (doubt && isAlreadyExists(error)) return await cluster.get(resource, object.metadata, { signal });
      if (!doubt && isCertainlyNotMade(error)) throw error;
      if (!isPassing(error) || clock.monotonic() > giveUpAt) {
        // Who now looks for it, to remove it, must not be faster than what was sent.
        await clock.sleep(settlingMs);
        throw doubt ?? error;
      }
      doubt ??= error as ApiError;
    }
    await clock.sleep(retryMs, signal);
  }
}

/** The API server has said no, or was never reached. */
export function isCertainlyNotMade(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.reason === 'Unreachable' || (error.code >= 400 && error.code < 500 && !isUnexplained(error));
}

/** Deletes an object, though it may be gone already; undefined, or why it could not be. Never throws, ends in 20 s. */
export async function removed<T extends KubeObject>(
  cluster: Pick<Cluster, 'delete'>,
  resource: Resource<T>,
  ref: ObjectRef,
  clock: Clock,
): Promise<string | undefined> {
  const signal = AbortSignal.timeout(tidyMs);
  for (;;) {
    try {
      await cluster.delete(resource, ref, { signal });
      return undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (signal.aborted || !isPassing(error)) return error instanceof Error ? error.message : String(error);
    }
    await clock.sleep(retryMs, signal).catch(() => {});
  }
}
