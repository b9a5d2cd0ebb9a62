import { fsFreezeWindows, guestTasks, releaseIdAnnotation } from '../../api/resources.ts';
import type { Cluster } from '../../kube/cluster.ts';
import { isConflict, isInvalid, isNotFound, isPassing } from '../../kube/errors.ts';
import type { ObjectRef } from '../../kube/objects.ts';
import type { Clock } from '../../seams/clock.ts';
import type { Random } from '../../seams/random.ts';
import { isEnding } from './outcome.ts';

/** What came of a release. */
export type Release =
  /** Nobody had let the guests go before. */
  | { state: 'released' }
  /** They, or one of them, were let go before: by their deadline, by somebody else's release, or otherwise. */
  | { state: 'tooLate'; message: string }
  | { state: 'gone' }
  | { state: 'failed'; message: string };

const retryMs = 500;

/**
 * Lets a window's guests go, trying until the signal aborts. Never throws. The release counts only where the window was
 * just seen to hold them all: who asks because a copy is done must learn that somebody else was faster.
 */
export async function releaseWindow(
  cluster: Pick<Cluster, 'get' | 'mergePatch'>,
  ref: ObjectRef,
  { clock, random }: { clock: Clock; random: Random },
  signal: AbortSignal,
): Promise<Release> {
  const releaseId = random.uuid();
  let released: Release = { state: 'released' };
  for (;;) {
    try {
      const { metadata, spec, status } = await cluster.get(fsFreezeWindows, ref, { signal });
      if (spec.release) {
        // The answer to an earlier try may have been lost.
        const isOurs = metadata.annotations?.[releaseIdAnnotation] === releaseId;
        return isOurs ? released : { state: 'tooLate', message: 'somebody else released it' };
      }
      if (isEnding({ status })) return { state: 'tooLate', message: `it has ended: ${status?.endedBy ?? 'Failure'}` };
      const { resourceVersion } = metadata;
      const annotations = { [releaseIdAnnotation]: releaseId };
      const patch = { metadata: { resourceVersion, annotations }, spec: { release: true } };
      // One guest was lost, and the others are still held: they are to be let go all the same.
      if (status?.failureReason) released = { state: 'tooLate', message: `it had failed: ${status.failureReason}` };
      await cluster.mergePatch(fsFreezeWindows, ref, patch, { signal });
      return released;
    } catch (error) {
      if (isNotFound(error)) return { state: 'gone' };
      const message = error instanceof Error ? error.message : String(error);
      if (isInvalid(error)) return { state: 'tooLate', message };
      if (isConflict(error)) continue;
      if (signal.aborted || !isPassing(error)) return { state: 'failed', message };
    }
    await clock.sleep(retryMs, signal).catch(() => {});
  }
}

/** Lets the guest of a freeze go that is no window's, trying until the signal aborts. Never throws. */
export async function releaseTask(
  cluster: Pick<Cluster, 'mergePatch'>,
  ref: ObjectRef,
  clock: Clock,
  signal: AbortSignal,
): Promise<Release> {
  for (;;) {
    try {
      await cluster.mergePatch(guestTasks, ref, { spec: { release: true } }, { signal });
      return { state: 'released' };
    } catch (error) {
      if (isNotFound(error)) return { state: 'gone' };
      const message = error instanceof Error ? error.message : String(error);
      if (signal.aborted || !isPassing(error)) return { state: 'failed', message };
    }
    await clock.sleep(retryMs, signal).catch(() => {});
  }
}
