import type { FsFreezeWindow } from '../api/resources.ts';
import type { FsFreezeWindowStatus } from '../api/schema/fs-freeze-window.ts';
import { findCondition, isTrue } from '../kube/conditions.ts';
import type { EventNote } from '../kube/event-recorder.ts';

/** The events that tell how a window went on from one status to the next. */
export function storyOf({ status: before }: FsFreezeWindow, after: FsFreezeWindowStatus): EventNote[] {
  const told: EventNote[] = [];
  const said = (type: string) => findCondition(after.conditions, type)?.message ?? '';
  if (after.frozenAt !== undefined && before?.frozenAt === undefined && after.endedBy === undefined) {
    told.push({ type: 'Normal', reason: 'Frozen', note: said('Frozen'), action: 'Freeze' });
  }
  if (after.failureReason !== undefined && before?.failureReason === undefined) {
    told.push({ type: 'Warning', reason: after.failureReason, note: said('Completed'), action: 'Freeze' });
  }
  if (after.phase === 'Completed' && before?.phase !== 'Completed') {
    told.push({ type: 'Normal', reason: 'Completed', note: said('Completed'), action: 'Thaw' });
  }
  if (isTrue(after.conditions, 'ThawOwed') && !isTrue(before?.conditions, 'ThawOwed')) {
    told.push({ type: 'Warning', reason: 'ThawOwed', note: said('ThawOwed'), action: 'Thaw' });
  }
  if (!isTrue(after.conditions, 'ThawOwed') && isTrue(before?.conditions, 'ThawOwed')) {
    told.push({ type: 'Normal', reason: 'ThawSettled', note: 'no thaw is owed any more', action: 'Thaw' });
  }
  return told;
}
