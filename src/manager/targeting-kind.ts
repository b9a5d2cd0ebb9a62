import type { ControlLoops } from '../kube/control-loops.ts';
import type { Controller, ControllerOptions } from '../kube/controller.ts';
import type { Informer } from '../kube/informer.ts';
import { type KubeObject, keyOf, type Resource, refOf } from '../kube/objects.ts';
import { type Fleet, ownerKey, ownerKeys } from './fleet.ts';
import { isTargeted, type Target } from './target.ts';

/** An object that names guests and acts on them through tasks. */
export interface Targeting extends KubeObject {
  spec: { target: Target };
}

export interface TargetingKind<T extends Targeting> {
  resource: Resource<T>;
  /** Names its controller. */
  name: string;
  concurrency: number;
  /** Whether a change of a guest may matter to it; one that is over needs no look. */
  isOpen(object: T): boolean;
}

/** A plan looks at every task of its object: of a large fleet many ends make one plan. */
const slowestPaceMs = 200;
const tasksPerMs = 50;

/** Follows a kind that has a `target`: its controller is woken when an object, one of its tasks or its guests change. */
export function followKind<T extends Targeting>(
  loops: ControlLoops,
  fleet: Fleet,
  { resource, name, concurrency, isOpen }: TargetingKind<T>,
  reconcileWith: (objects: Informer<T>) => ControllerOptions['reconcile'],
): { controller: Controller; objects: Informer<T> } {
  const objects = loops.informer(resource);
  objects.cache.addIndex('open', (object) => (isOpen(object) ? [object.metadata.namespace ?? ''] : []));
  objects.cache.addIndex('owner', (object) => [ownerKey(object)]);
  const reconcile = reconcileWith(objects);
  const controller = loops.controller(name, concurrency, objects.cache, async (key, signal) => {
    const { requeueAfterMs = Number.POSITIVE_INFINITY } = (await reconcile(key, signal)) ?? {};
    // Whose host is missing is looked at once it counts as gone.
    const next = Math.min(requeueAfterMs, fleet.nextHostGoneMs() ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  });

  objects.onChange((key) => controller.enqueue(key));
  fleet.tasks.onChange((_, before, after) => {
    const task = after ?? before;
    for (const owner of task ? ownerKeys(task) : []) {
      const paceMs = Math.min(slowestPaceMs, fleet.tasks.cache.countByIndex('owner', owner) / tasksPerMs);
      for (const object of objects.cache.byIndex('owner', owner)) controller.enqueueAfter(keyOf(object), paceMs);
    }
  });
  fleet.guests.onChange((key, before, after) => {
    const seen = [before, after].filter((guest) => guest !== undefined);
    for (const object of objects.cache.byIndex('open', refOf(key).namespace ?? '')) {
      if (seen.some((guest) => isTargeted(guest, object.spec.target))) controller.enqueue(keyOf(object));
    }
  });
  fleet.hosts.onChange((_node, _before, after) => {
    if (after) return;
    for (const key of objects.cache.keys()) controller.enqueue(key);
  });
  return { controller, objects };
}
