import { rotateNowAnnotation } from '../../../src/api/resources.ts';
import type { Secret } from '../../../src/kube/core-resources.ts';
import { RotationWorld, SteppedClock } from '../support/rotation-world.ts';
import { aGuest, aRotation } from './objects.ts';

/** One guest to be rotated, and the manager's looks at it. */
export function begin() {
  const clock = new SteppedClock();
  const world = new RotationWorld({ rotation: aRotation(), guest: aGuest('web-1'), clock, next: () => 0.5 });
  async function look(): Promise<void> {
    world.syncAll();
    clock.advance(1000);
    await world.reconcile();
  }
  return { world, clock, look };
}

/** Somebody else writes to the Secret. */
export function editSecret(world: RotationWorld, edit: (secret: Secret) => Secret = (secret) => secret): void {
  const secret = world.secret();
  if (secret) world.put('secrets/web-1-app', edit(secret));
}

export function rotateNow(world: RotationWorld): void {
  const metadata = { ...world.rotation.metadata, annotations: { [rotateNowAnnotation]: '1' } };
  world.rotation = { ...world.rotation, metadata };
}
