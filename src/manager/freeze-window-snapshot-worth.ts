import type { FsFreezeWindow } from '../api/resources.ts';
import { isLetGoByOthers } from './freeze-window-early-thaw.ts';
import type { Member } from './freeze-window-members.ts';
import { firstThaw } from './freeze-window-outcome.ts';
import { isGood, type SnapshotState } from './freeze-window-snapshots.ts';

/**
 * The snapshots as they count. One is good that was cut while all guests were frozen: seen so, or older than their first
 * thaw by the second that its time is rounded to. Any other that was cut has an error, and its data nobody can vouch for.
 * What was seen counts no longer once it turns out that somebody had let a guest go by then: a cache had lagged behind.
 */
export function judgedSnapshots(
  states: readonly SnapshotState[],
  { window, inside, now }: { window: FsFreezeWindow; inside: readonly Member[]; now: number },
): SnapshotState[] {
  const frozenUntil = firstThaw(inside);
  const allHeld = now < frozenUntil && inside.every(({ standing }) => standing === 'held');
  const ending = window.status?.endedBy ?? 'Snapshots';
  const letGoAt = firstThaw(inside.filter((member) => isLetGoByOthers(member, ending)));
  const good = new Set(window.status?.volumeSnapshots?.filter(isGood).map(({ name }) => name));
  return states.map((state) => {
    const { name, creationTime } = state;
    if (creationTime === undefined) return state;
    const certainlyBy = Date.parse(creationTime) + 1000;
    if ((allHeld || good.has(name)) && certainlyBy <= letGoAt) return state;
    if (certainlyBy <= frozenUntil) return state;
    return { ...state, error: `it was cut at ${creationTime}, when not all guests were certainly frozen any more` };
  });
}
