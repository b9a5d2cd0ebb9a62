import { type PasswordRotation, rotateNowAnnotation } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { Paint } from '../print/paint.ts';
import { type Cell, harmless, table } from '../print/table.ts';

/** How far a rotation is that was asked for by `wish`, the value of its annotation. */
export interface RotationProgress {
  state: 'going' | 'rotated' | 'stuck';
  rotated: number;
  targets: number;
  /** Why a person is needed, now or for guests that others are still ahead of. */
  why?: string;
}

/** Conditions that no waiting changes. */
const hopeless: ReadonlySet<string> = new Set([
  'PasswordPolicyUnusable',
  'ScheduleInvalid',
  'YescryptUnavailable',
  'NoGuestsMatched',
]);

/** By the counters, which are of all guests: the list has only the first hundred. */
export function rotationProgress(wish: string, { metadata, spec, status }: PasswordRotation): RotationProgress {
  const { targets = 0, waiting = 0, active = 0, parked = 0, conditions, observedRotateNow } = status ?? {};
  const ready = findCondition(conditions, 'Ready');
  // What was said before the manager saw the wish says nothing of it.
  const isSeen = observedRotateNow === wish;
  const rotated = isSeen ? targets - waiting - active - parked : 0;
  const progress = (state: RotationProgress['state'], why?: string): RotationProgress => ({
    state,
    rotated,
    targets,
    ...(why !== undefined && { why }),
  });
  if (metadata.annotations?.[rotateNowAnnotation] !== wish) return progress('stuck', takenBack);
  if (spec.suspend) return progress('stuck', 'it is suspended: set spec.suspend to false');
  if (ready && hopeless.has(ready.reason)) return progress('stuck', ready.message);
  if (!isSeen)
    return progress('going', 'no manager has taken it up yet: kubectl qga doctor tells whether one is there');
  const why = parked > 0 ? (ready?.message ?? 'guests are parked') : undefined;
  if (waiting + active > 0) return progress('going', why);
  return why === undefined ? progress('rotated') : progress('stuck', why);
}

const takenBack = `the annotation ${rotateNowAnnotation} was changed by somebody else meanwhile: guests whose turn had not come may be left out`;

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
