import { releasedByOwnerAnnotation } from '../api/resources.ts';
import type { WindowEnd } from '../api/schema/fs-freeze-window.ts';
import type { Member } from './freeze-window-members.ts';

/**
 * Whether a guest was let go as somebody asked, and not by its window: its task was released or deleted, maybe long before
 * the window's end was seen. No clock tells that, since hosts' and managers' differ: what the window itself lets go it marks.
 */
export function isLetGoByOthers({ standing, result, task }: Member, ending: WindowEnd | undefined): boolean {
  if (standing !== 'thawed' || result.phase !== 'Succeeded' || result.endedBy === 'Deadline') return false;
  if (ending === undefined) return true;
  // What is only remembered was judged when its task was there. With a window its tasks are deleted by the cluster, too.
  if (!task || (ending === 'Deletion' && result.endedBy === 'Deletion')) return false;
  return task.metadata.annotations?.[releasedByOwnerAnnotation] === undefined;
}
