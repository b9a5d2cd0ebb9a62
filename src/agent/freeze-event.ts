import { isHeld, isThawOwed } from '../guest/freeze-step.ts';
import type { Hold } from '../guest/hold.ts';
import type { EventNote } from '../kube/event-recorder.ts';

/** What a Guest's events tell of a freeze that has gone from `before` to `hold`; undefined when that is no news. */
export function freezeEvent(hold: Hold, before: Hold | undefined): EventNote | undefined {
  const { task, result, lost } = hold;
  const normal = (reason: string, action: string, note: string): EventNote => ({
    type: 'Normal',
    reason,
    action,
    note,
  });
  if (isThawOwed(hold) && !(before && isThawOwed(before))) {
    const note = `the freeze of task ${task} may hold the guest, and it can't be thawed yet: that is tried until it can`;
    return { type: 'Warning', reason: 'ThawOwed', action: 'Thaw', note };
  }
  if (isHeld(hold) && !(before && isHeld(before))) {
    return normal('Frozen', 'Freeze', `frozen by task ${task}, until ${result.until} at the latest`);
  }
  if (hold.stage !== 'over' || before?.stage === 'over' || result.requestedAt === undefined) return undefined;
  if (lost !== undefined) {
    return { type: 'Warning', reason: 'ConsistencyLost', action: 'Thaw', note: `the freeze of task ${task}: ${lost}` };
  }
  return result.frozenAt === undefined ? undefined : normal('Thawed', 'Thaw', `thawed; task ${task} held it`);
}
