import type { FsFreezeWindow } from '../api/resources.ts';
import type { SnapshotResult } from '../api/schema/fs-freeze-window.ts';
import type { Member } from './freeze-window-members.ts';
import { firstThaw } from './freeze-window-outcome.ts';
import type { SnapshotState } from './freeze-window-snapshots.ts';

/**
 * The snapshots as they count. One is good that was cut while all guests were frozen: seen so, or older than their first
 * thaw by the second that its time is rounded to. Any other that was cut has an error, and its data nobody can vouch for.
 */
export function judgedSnapshots(
  states: readonly SnapshotState[],
  { window, inside, now }: { window: FsFreezeWindow; inside: readonly Member[]; now: number },
): SnapshotState[] {
  const frozenUntil = firstThaw(inside);
  const allHeld = now < frozenUntil && inside.every(({ standing }) => standing === 'held');
  const good = new Set(window.status?.volumeSnapshots?.filter(isGood).map(({ name }) => name));
  return states.map((state) => {
    const { name, creationTime } = state;
    if (creationTime === undefined || allHeld || good.has(name)) return state;
    if (Date.parse(creationTime) + 1000 <= frozenUntil) return state;
    return { ...state, error: `it was cut at ${creationTime}, when not all guests were certainly frozen any more` };
  });
}

/** Cut while all guests were frozen. */
export function isGood({ creationTime, error }: SnapshotResult): boolean {
  return creationTime !== undefined && error === undefined;
}
