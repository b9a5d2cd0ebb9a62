import { failureReason } from '../../../guest/failure-reason.ts';
import { GuestFile } from '../../../guest/guest-file.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { ActionRun, Ending } from '../action.ts';
import { whyExecWasRefused } from '../exec-refusal.ts';

/**
 * What becomes of a write whose guest did not run its first script. `noShell` only where there is no shell, or nobody may
 * run one: where one is there and just did not start, for want of memory perhaps, the file stays as it is. Undefined where
 * a later try may fare better.
 */
export async function whyNotPrepared(
  run: ActionRun,
  path: string,
  error: AgentError,
): Promise<Ending | undefined | 'noShell'> {
  const { guest, task, clock, stopped } = run;
  if (error.outcome !== 'Refused') {
    // Making an empty file again does no harm.
    return error.retryable ? undefined : { phase: 'Failed', reason: failureReason(error), message: error.message };
  }
  const call = { clock, signal: stopped };
  const why = await whyExecWasRefused(guest.agent, task.spec.guestName, error, call);
  if (why?.reason !== 'ShellNotStarted') return why && 'noShell';
  const there = await hasShellFile(run);
  if (there === undefined) return undefined;
  return there ? shellNotStarted(path, `the guest's agent could not start /bin/sh: ${error.message}`) : 'noShell';
}

export function shellNotStarted(path: string, why: string): Ending {
  const message = `${path} was not written, and nothing was changed: ${why}`;
  return { phase: 'Failed', reason: 'ShellNotStarted', message };
}

/** Why a shell did not start, the agent says in words only (C5). Undefined where it can't be asked now. */
async function hasShellFile({ guest, clock, stopped }: ActionRun): Promise<boolean | undefined> {
  try {
    const file = await GuestFile.open(guest.agent, '/bin/sh', 'r', { clock, signal: stopped });
    await file.close();
    return true;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return error.outcome === 'Refused' && !error.retryable ? false : undefined;
  }
}
