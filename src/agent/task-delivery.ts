import { type GuestTask, guestTasks } from '../api/resources.ts';
import { isTaskOver, movesOf } from '../api/tasks.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import { isConflict, isNotFound, isRefusedAsIs } from '../kube/errors.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import { withoutResults, withoutTexts } from './lesser-outcome.ts';
import type { TaskOutcome } from './task-decision.ts';

export interface DeliveryOptions {
  cluster: Cluster;
  /** The claim must still be this journal's. */
  journalId: string;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

const firstRetryMs = 250;
const longestRetryMs = 15_000;
/** A rule that stands in the way may be mended: less is told only when it does again and again. */
const refusalsBorne = 3;

/**
 * Writes a task's outcome to its status, and keeps at it through outages for as long as it takes. What the API server
 * refuses for its size or shape is told with less and less of what came from the guest. Resolves when it is written, or
 * when nobody can want it any more: the task is gone, over, bound to another node, or claimed anew. `shared`: another host,
 * or another life of this one's journal, had a hand in it, and may look for it in the guest.
 */
export async function deliver(
  task: GuestTask,
  outcome: TaskOutcome,
  options: DeliveryOptions,
): Promise<{ shared: boolean }> {
  const { cluster, journalId, clock, logger, signal } = options;
  let current = task;
  let told = outcome;
  const lesser = [withoutTexts, withoutResults];
  let refusals = 0;
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    try {
      await cluster.replaceStatus(guestTasks, withOutcome(current, told, clock.now()), { signal });
      return { shared: wasElsewhere(current) };
    } catch (error) {
      signal.throwIfAborted();
      if (isNotFound(error)) return { shared: wasElsewhere(current) };
      const refusal = isRefusedAsIs(error);
      refusals = refusal ? refusals + 1 : 0;
      if (refusal === 'size' || refusals === refusalsBorne) {
        told = lesser.shift()?.(outcome, error) ?? told;
        refusals = 0;
      }
      if (!isConflict(error)) {
        logger.warn({ err: error, task: task.metadata.uid }, 'the outcome could not be delivered: trying again');
        await clock.sleep(waitMs, signal);
      }
    }
    const fresh = await latest(current, options);
    if (!fresh) return { shared: wasElsewhere(current) };
    if (fresh.spec.nodeName !== task.spec.nodeName) return { shared: true };
    if (fresh.status?.claim && fresh.status.claim.journal !== journalId) return { shared: true };
    if (isTaskOver(fresh)) return { shared: wasElsewhere(fresh) };
    current = fresh;
  }
}

function wasElsewhere(task: GuestTask): boolean {
  return movesOf(task) > 0;
}

/** The task as it is now: undefined when it is gone or another of the same name took its place; unchanged in an outage. */
async function latest(task: GuestTask, { cluster, signal }: DeliveryOptions): Promise<GuestTask | undefined> {
  const { namespace, name, uid } = task.metadata;
  try {
    const fresh = await cluster.get(guestTasks, { namespace, name }, { signal });
    return fresh.metadata.uid === uid ? fresh : undefined;
  } catch (error) {
    signal.throwIfAborted();
    return isNotFound(error) ? undefined : task;
  }
}

/**
 * The task with its end in its status: phase, result and the condition that `kubectl wait` waits for. What was told of a
 * freeze stays, where the outcome has nothing newer of it; but nothing is owed by it any more, as nobody is left who would
 * settle that.
 */
export function withOutcome(task: GuestTask, outcome: TaskOutcome, now: number): GuestTask {
  const observedGeneration = task.metadata.generation ?? 0;
  const condition = {
    type: outcome.phase === 'Succeeded' ? 'Complete' : 'Failed',
    status: 'True' as const,
    reason: outcome.reason,
    message: outcome.message ?? '',
    observedGeneration,
  };
  const { claim, startTime, conditions, freeze: told } = task.status ?? {};
  const { thawOwed: _, ...freeze } = told ?? {};
  return {
    ...task,
    status: {
      observedGeneration,
      ...(claim && { claim }),
      ...(startTime && { startTime }),
      ...(told && { freeze }),
      ...outcome,
      conditions: setCondition(conditions ?? [], condition, now),
    },
  };
}
