import { type FsFreezeWindow, fsFreezeWindows, guestHosts, guestTasks, thawFinalizer } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { ApiError, isInvalid, isNotFound } from '../kube/errors.ts';
import { type KubeObject, keyOf, type Resource } from '../kube/objects.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import { type FreezesObserved, planReleaseAll, type ReleaseAllPlan } from './release-all-plan.ts';

export interface ReleaseAllOptions {
  cluster: Cluster;
  clock: Clock;
  logger: Logger;
  /** How long to wait until guests are thawed. */
  timeoutMs: number;
  /** The operator has gone: nobody is waited for, and every window is freed. */
  abandon: boolean;
  signal: AbortSignal;
}

/** Guests whose hosts are heard of, and that these could not thaw in time. */
export class StillFrozen extends Error {
  override readonly name = 'StillFrozen';
  readonly code = 'StillFrozen';
}

const lookEveryMs = 1000;

/**
 * Lets go of every freeze there is, waits until all guests are thawed, and takes the finalizer off windows that nobody
 * will serve any more. Rejects with StillFrozen when a host that is heard of did not thaw its guest in time: the operator
 * is needed then.
 */
export async function releaseAll(options: ReleaseAllOptions): Promise<void> {
  const { logger, abandon } = options;
  const { awaited, lost, closing, stuck } = await letGo(options);
  if (awaited.length > 0 && !abandon) {
    const guests = awaited.map(({ spec }) => `${spec.guestName} on host ${spec.nodeName}`).join(', ');
    throw new StillFrozen(
      `not known to be thawed: ${guests}. See to these hosts and try again; of a host that won't come back, delete the GuestHost`,
    );
  }
  for (const { spec } of [...awaited, ...lost]) {
    logger.warn({ guest: spec.guestName, host: spec.nodeName }, 'nobody will say whether this guest is thawed');
  }
  const windows = abandon ? await windowsWithFinalizer(options) : [...closing, ...stuck];
  await Promise.all(windows.map((window) => free(window, options)));
}

/** Tells all to let go, those too that begin meanwhile; the last look, when all have or time is up. */
async function letGo(options: ReleaseAllOptions): Promise<ReleaseAllPlan> {
  const { clock, logger, timeoutMs, abandon, signal } = options;
  const end = clock.monotonic() + timeoutMs;
  for (;;) {
    try {
      const plan = planReleaseAll(await observe(options));
      const untold = plan.windows.length + plan.tasks.length;
      await Promise.all([
        ...plan.windows.map((window) => release(fsFreezeWindows, window, options)),
        ...plan.tasks.map((task) => release(guestTasks, task, options)),
      ]);
      const waitsFor = plan.awaited.length + plan.closing.length;
      if (abandon || (untold === 0 && waitsFor === 0) || clock.monotonic() >= end) return plan;
    } catch (error) {
      if (!(error instanceof ApiError) || clock.monotonic() >= end) throw error;
      logger.warn({ err: error }, 'the API server could not be asked: trying again');
    }
    await clock.sleep(lookEveryMs, signal);
  }
}

async function observe(options: ReleaseAllOptions): Promise<FreezesObserved> {
  const [windows, tasks, hosts] = await Promise.all([
    all(fsFreezeWindows, options),
    all(guestTasks, options),
    all(guestHosts, options),
  ]);
  return { windows, tasks, hosts };
}

async function windowsWithFinalizer(options: ReleaseAllOptions): Promise<FsFreezeWindow[]> {
  const windows = await all(fsFreezeWindows, options);
  return windows.filter(({ metadata }) => metadata.finalizers?.includes(thawFinalizer));
}

/** Kinds that were deleted before the operator have no objects. */
async function all<T extends KubeObject>(resource: Resource<T>, { cluster, signal }: ReleaseAllOptions): Promise<T[]> {
  try {
    return (await cluster.list(resource, { signal })).items;
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

async function release<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  { cluster, logger, signal }: ReleaseAllOptions,
): Promise<void> {
  try {
    await cluster.mergePatch(resource, object.metadata, { spec: { release: true } }, { signal });
    logger.info({ kind: resource.kind, name: keyOf(object) }, 'released');
  } catch (error) {
    // Gone, or thawed already, after which a release is refused.
    if (!isNotFound(error) && !isInvalid(error)) throw error;
  }
}

async function free(window: FsFreezeWindow, { cluster, logger, signal }: ReleaseAllOptions): Promise<void> {
  const { resourceVersion, finalizers = [] } = window.metadata;
  const others = finalizers.filter((each) => each !== thawFinalizer);
  try {
    const patch = { metadata: { resourceVersion, finalizers: others } };
    await cluster.mergePatch(fsFreezeWindows, window.metadata, patch, { signal });
    logger.info({ name: keyOf(window) }, 'freed of its finalizer');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
