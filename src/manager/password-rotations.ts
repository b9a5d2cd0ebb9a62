import { isDeepStrictEqual } from 'node:util';
import { type GuestHost, type PasswordRotation, passwordRotationLabel, passwordRotations } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { findCondition } from '../kube/conditions.ts';
import type { ControlLoops } from '../kube/control-loops.ts';
import { type Secret, secrets } from '../kube/core-resources.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Informer } from '../kube/informer.ts';
import { keyOf, type ObjectKey } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import type { Fleet } from './fleet.ts';
import { systemCraft } from './password/craft.ts';
import { RotationController, type RotationControllerOptions } from './rotation-controller.ts';
import { isPasswordEdited, rotationNameOf } from './rotation-secret.ts';
import { followKind } from './targeting-kind.ts';
import { sealTask } from './task-sealer.ts';
import { labelValue } from './task-template.ts';

export interface PasswordRotationsOptions {
  cluster: Cluster;
  events: EventRecorder;
  clock: Clock;
  random: Random;
  onAttemptEnded: RotationControllerOptions['onAttemptEnded'];
}

/** Follows PasswordRotations, and of the cluster's Secrets those alone that carry their label. */
export function followPasswordRotations(
  loops: ControlLoops,
  fleet: Fleet,
  options: PasswordRotationsOptions,
): Informer<PasswordRotation> {
  const ours = loops.informer(secrets, { labelSelector: passwordRotationLabel });
  ours.cache.addIndex('rotation', ({ metadata }) => [
    `${metadata.namespace}/${metadata.labels?.[passwordRotationLabel]}`,
  ]);
  let rotationController: RotationController | undefined;
  const { controller, objects } = followKind(
    loops,
    fleet,
    { resource: passwordRotations, name: 'passwordrotation', concurrency: 4, isOpen: () => true },
    ({ cache: rotations }) => {
      const made = new RotationController({
        ...options,
        rotations,
        fleet,
        secretsOf: ({ metadata }) =>
          ours.cache.byIndex('rotation', `${metadata.namespace}/${labelValue(metadata.name)}`),
        craft: systemCraft,
        seal: sealTask,
      });
      rotationController = made;
      return (key, until) => made.reconcile(key, until);
    },
  );
  // Who only stands by remembers edits, too.
  objects.onChange((key, _before, after) => {
    if (!after) rotationController?.forget(key);
  });
  ours.onChange((_key, before, after) => {
    const rotation = rotationKeyOf(after ?? before);
    if (rotation === undefined) return;
    if (before && after && isPasswordEdited(before, after)) rotationController?.edited(rotation, after.metadata.name);
    controller.enqueue(rotation);
  });
  // What stands in the way on a host changes none of its guests.
  fleet.hosts.onChange((node, before, after) => {
    if (isDeepStrictEqual(meansOf(before), meansOf(after))) return;
    for (const namespace of new Set(fleet.guestsOn(node).map(({ metadata }) => metadata.namespace ?? ''))) {
      for (const rotation of objects.cache.byIndex('open', namespace)) controller.enqueue(keyOf(rotation));
    }
  });
  return objects;
}

/** Of a host what a rotation needs to reach its guests. */
function meansOf(host: GuestHost | undefined): unknown[] {
  const { conditions, sealingKey } = host?.status ?? {};
  return [findCondition(conditions, 'LibvirtConnected')?.status, sealingKey?.id];
}

function rotationKeyOf(secret: Secret | undefined): ObjectKey | undefined {
  const name = secret && rotationNameOf(secret);
  return name === undefined ? undefined : `${secret?.metadata.namespace}/${name}`;
}
