import { runScript } from '../../../guest/run-script.ts';
import { uidOf } from '../../../kube/objects.ts';
import { AgentError } from '../../../qga/errors.ts';
import { type ActionRun, DeadlineReached, type Ending } from '../action.ts';
import type { Care } from './left-open.ts';
import { discardScript } from './place-script.ts';
import type { WantedFile } from './wanted-file.ts';
import type { WriteNote } from './write-note.ts';

const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** What can't be removed for so long is left to a person. */
const longestMs = 15 * 60_000;

/**
 * Ends a write that nobody waits for any longer, before its file is in place. `begun`: it may have a temporary file. Throws
 * a TaskDeleted.
 */
export async function withdraw(run: ActionRun, file: WantedFile, begun: boolean): Promise<Ending> {
  const { reason } = run.withdrawn;
  const message = 'its deadline was over before the file was in place: nothing was changed';
  const untouched: Ending = { phase: 'Failed', reason: 'DeadlineExceeded', message };
  const ending = begun ? await discard(run, file, untouched) : untouched;
  if (reason instanceof DeadlineReached) return ending;
  throw reason;
}

/** Removes the temporary file of a write that failed. A failure for want of space is told as such. */
export async function discard(run: ActionRun, { path, bytes }: WantedFile, ending: Ending): Promise<Ending> {
  await run.note({ stage: 'discarding', path, ending } satisfies WriteNote);
  const room = await removeTemporaries(run, uidOf(run.task), path, bytes.length);
  if (room === undefined) return { ...ending, message: `${ending.message}; its temporary file could not be removed` };
  if (room || ending.reason !== 'WriteFailed') return ending;
  return {
    ...ending,
    reason: 'NoSpace',
    message: `the filesystem has no room for ${bytes.length} bytes: ${ending.message}`,
  };
}

/**
 * Removes the temporary files of a task, and answers whether their filesystem has room for so many bytes; undefined
 * where nobody can remove them any more.
 */
export async function removeTemporaries(
  { guest, clock, stopped }: Care,
  task: string,
  path: string,
  bytes: number,
): Promise<boolean | undefined> {
  const until = clock.monotonic() + longestMs;
  for (let waitMs = firstRetryMs; clock.monotonic() < until; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    try {
      const printed = await runScript(guest.agent, discardScript(path, task, bytes), { clock, signal: stopped });
      return printed.trim() !== 'full';
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (await guest.agent.isGone(error, stopped)) return undefined;
    }
    await clock.sleep(waitMs, stopped);
  }
  return undefined;
}
