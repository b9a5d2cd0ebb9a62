import { type FsFreezeWindow, type GuestHost, type GuestTask, ownerUidLabel, thawFinalizer } from '../api/resources.ts';
import { isOverPhase } from '../api/tasks.ts';
import { findCondition } from '../kube/conditions.ts';
import { isTaken } from './task-fate.ts';

/** All that decides what is to be let go before the operator goes. */
export interface FreezesObserved {
  windows: readonly FsFreezeWindow[];
  /** Whatever their action. */
  tasks: readonly GuestTask[];
  hosts: readonly GuestHost[];
}

export interface ReleaseAllPlan {
  /** Windows that go on, and were not told yet to let go. */
  windows: FsFreezeWindow[];
  /** Freezes that were not told yet, unless the manager does so for one of these windows. */
  tasks: GuestTask[];
  /** Freezes whose host will say when the guest is thawed. */
  awaited: GuestTask[];
  /** Freezes of which nobody will say anything any more: their host is silent, or gone. */
  lost: GuestTask[];
  /** Windows that have their finalizer still, and none of these freezes. */
  closing: FsFreezeWindow[];
  /** Those that have one of the lost, and none of the awaited. */
  stuck: FsFreezeWindow[];
}

/** What to let go and what to wait for, so that no guest stays frozen and no window stuck without an operator. Pure. */
export function planReleaseAll({ windows, tasks, hosts }: FreezesObserved): ReleaseAllPlan {
  const untold = windows.filter(
    ({ spec, status, metadata }) =>
      spec.schedule === undefined &&
      status?.completionTime === undefined &&
      metadata.deletionTimestamp === undefined &&
      !spec.release,
  );
  const ofUntold = new Set(untold.map(({ metadata }) => metadata.uid));
  const heardOf = new Set(hosts.filter(isHeardOf).map(({ metadata }) => metadata.name));
  const open = tasks.filter(({ spec, status }) => spec.action.freeze !== undefined && !isOverPhase(status?.phase));
  const awaited = open.filter((task) => isTaken(task) && heardOf.has(task.spec.nodeName ?? ''));
  const lost = open.filter((task) => isTaken(task) && !heardOf.has(task.spec.nodeName ?? ''));

  const held = windows.filter(({ metadata }) => metadata.finalizers?.includes(thawFinalizer));
  const ownersOf = (some: GuestTask[]) => new Set(some.map(ownerUidOf));
  const [waiting, losing] = [ownersOf(awaited), ownersOf(lost)];
  const servable = held.filter(({ metadata }) => !waiting.has(metadata.uid));
  return {
    windows: untold,
    tasks: open.filter((task) => !task.spec.release && !ofUntold.has(ownerUidOf(task))),
    awaited,
    lost,
    closing: servable.filter(({ metadata }) => !losing.has(metadata.uid)),
    stuck: servable.filter(({ metadata }) => losing.has(metadata.uid)),
  };
}

/** The manager calls everything of a host `Unknown` whose Lease has expired. */
function isHeardOf({ status }: GuestHost): boolean {
  return findCondition(status?.conditions, 'Ready')?.status !== 'Unknown';
}

function ownerUidOf({ metadata }: GuestTask): string | undefined {
  return metadata.labels?.[ownerUidLabel];
}
