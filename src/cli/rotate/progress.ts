import type { PasswordRotation } from '../../api/resources.ts';
import type { GuestRotation } from '../../api/schema/password-rotation.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { Paint } from '../print/paint.ts';
import { type Cell, harmless, table } from '../print/table.ts';

/** How far a rotation is that was asked for when it stood as `before`. */
export interface RotationProgress {
  state: 'going' | 'rotated' | 'stuck';
  rotated: number;
  targets: number;
  /** Of a stuck one: why a person is needed. */
  why?: string;
}

/** Conditions that no waiting changes. */
const hopeless: ReadonlySet<string> = new Set([
  'PasswordPolicyUnusable',
  'ScheduleInvalid',
  'YescryptUnavailable',
  'NoGuestsMatched',
]);

export function rotationProgress(before: PasswordRotation, now: PasswordRotation): RotationProgress {
  const { guests = [], targets = 0, conditions } = now.status ?? {};
  const last = new Map(before.status?.guests?.map(({ name, lastRotationTime }) => [name, lastRotationTime]));
  const rotated = guests.filter((guest) => isRotated(guest, last)).length;
  const ready = findCondition(conditions, 'Ready');
  const stuck = (why: string): RotationProgress => ({ state: 'stuck', rotated, targets, why });
  if (now.spec.suspend) return stuck('it is suspended: set spec.suspend to false');
  if (ready && hopeless.has(ready.reason)) return stuck(ready.message);
  // The list is bounded, and those that are not done come first.
  if (guests.length > 0 && rotated === guests.length) return { state: 'rotated', rotated: targets, targets };
  const parked = guests.filter((guest) => guest.parked);
  const done = guests.every((guest) => guest.parked || isRotated(guest, last));
  if (parked.length > 0 && done && !wereParked(before, parked)) return stuck(ready?.message ?? 'guests are parked');
  return { state: 'going', rotated, targets };
}

function isRotated(
  { name, lastRotationTime, parked }: GuestRotation,
  last: ReadonlyMap<string, string | undefined>,
): boolean {
  return lastRotationTime !== undefined && lastRotationTime !== last.get(name) && !parked;
}

/** Whether nothing has happened yet to those that were parked before: they are taken up again. */
function wereParked(before: PasswordRotation, parked: readonly GuestRotation[]): boolean {
  const tasks = new Map(
    before.status?.guests?.filter((guest) => guest.parked).map((guest) => [guest.name, guest.taskName]),
  );
  return parked.some(({ name, taskName }) => tasks.has(name) && tasks.get(name) === taskName);
}

/** A row for each guest. */
export function rotationLines({ status }: PasswordRotation, paint: Paint): string[] {
  const rows = (status?.guests ?? []).map((guest): Cell[] => [
    guest.name,
    guest.parked
      ? { text: 'Parked', style: 'red' }
      : { text: guest.phase, style: guest.phase === 'Succeeded' ? 'green' : 'cyan' },
    guest.verified,
    guest.lastRotationTime,
    guest.secretName,
    guest.phase === 'Succeeded' ? '-' : (guest.message ?? guest.reason ?? '-'),
  ]);
  const ready = findCondition(status?.conditions, 'Ready');
  const headings = ['GUEST', 'PHASE', 'VERIFIED', 'LAST', 'SECRET', 'WHAT'];
  return [...(rows.length > 0 ? table(headings, rows, paint) : []), ...(ready ? [harmless(ready.message)] : [])];
}
