import type { Ending } from '../action.ts';

const longestMessage = 1024;

/**
 * Some filesystem or other can't be trimmed in most guests, so that is told and is no failure as long as another one
 * was. `reply` is guest-fstrim's.
 */
export function trimEnding(reply: unknown): Pick<Ending, 'phase' | 'reason' | 'message'> {
  const { paths = [] } = reply as { paths?: { path: string; error?: string | undefined }[] };
  const failed = paths.filter(({ error }) => error !== undefined);
  const trimmed = paths.length - failed.length;
  const reasons = failed.map(({ path, error }) => `${path}: ${error}`).join('; ');
  const message = `${trimmed} of ${paths.length} filesystems trimmed${reasons && `; ${reasons}`}`.slice(
    0,
    longestMessage,
  );
  if (trimmed > 0) return { phase: 'Succeeded', reason: 'Completed', message };
  if (failed.length > 0) return { phase: 'Failed', reason: 'NothingTrimmed', message };
  return { phase: 'Succeeded', reason: 'Completed', message: 'the guest has no filesystem to trim' };
}
