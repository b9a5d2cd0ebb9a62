import { GuestFile } from '../../../guest/guest-file.ts';
import { guestFileOpen } from '../../../qga/commands.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { ActionRun, Ending } from '../action.ts';
import { withdraw } from './discard.ts';
import { endingOfFileError } from './file-failure.ts';
import { sha256Of, type WantedFile } from './wanted-file.ts';
import type { WriteNote } from './write-note.ts';

/**
 * Writes a file in its place, for guests that let nobody run a shell: at most once, since whoever reads it meanwhile sees
 * half of it, and nobody can tell later whose the content is.
 */
export async function writeInPlace(run: ActionRun, file: WantedFile): Promise<Ending | undefined> {
  const { guest, clock, stopped, withdrawn } = run;
  const needed = needsShell(run, file);
  if (needed) return { phase: 'Failed', reason: 'ExecNeeded', message: needed };
  await run.note({ stage: 'inPlace' } satisfies WriteNote);
  let open: GuestFile;
  try {
    open = await GuestFile.open(guest.agent, file.path, 'w', { clock, signal: stopped, unlessSent: withdrawn });
  } catch (error) {
    if (withdrawn.aborted && error === withdrawn.reason) return await withdraw(run, file, false);
    if (!(error instanceof AgentError)) throw error;
    if (error.outcome === 'Unknown') return halfWritten(file, error.message);
    return await endingOfFileError(run, error, guestFileOpen.name, async () => ({
      phase: 'Failed',
      reason: 'Refused',
      message: error.message,
    }));
  }
  await run.note({ stage: 'inPlace', handle: open.handle } satisfies WriteNote);
  const failure = await open.fillAndClose(file.bytes);
  await run.note({ stage: 'inPlace' } satisfies WriteNote);
  if (failure?.outcome === 'Unknown') return halfWritten(file, failure.message);
  if (failure) {
    const message = `${file.path} is half written: ${failure.message}`;
    return { phase: 'Failed', reason: 'WriteFailed', message };
  }
  return await verified(run, file);
}

async function verified({ guest, clock, stopped }: ActionRun, file: WantedFile): Promise<Ending> {
  const { path, bytes, sha256 } = file;
  const writeFile = { bytes: bytes.length, sha256, atomic: false };
  try {
    const open = await GuestFile.open(guest.agent, path, 'r', { clock, signal: stopped });
    const back = await open.readAndClose(bytes.length + 1);
    if (sha256Of(back) !== sha256) {
      const message = `${path} is not what was written: somebody else wrote to it, too`;
      return { phase: 'Failed', reason: 'Corrupted', message };
    }
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const message = `written in place, and not read back: ${error.message}`;
    return { phase: 'Succeeded', reason: 'Completed', message, writeFile };
  }
  const message =
    'written in place, since the guest lets nobody run a shell: a new file can be written by all its users';
  return { phase: 'Succeeded', reason: 'Completed', message, writeFile };
}

/** Why it can't be written without a shell; undefined where it can. */
function needsShell({ guest }: ActionRun, { path, mode, owner, secret }: WantedFile): string | undefined {
  const exec = 'allow guest-exec there';
  if (mode !== undefined || owner !== undefined) {
    return `mode and owner of ${path} can't be set where the guest lets nobody run a shell: ${exec}, or leave them out`;
  }
  const windows = guest.health.state === 'answers' && guest.health.facts.os?.id === 'mswindows';
  if (!secret || windows) return undefined;
  return `what comes from a Secret is not written where the guest lets nobody run a shell, since its agent makes new files that everybody can read: ${exec}`;
}

function halfWritten({ path }: WantedFile, why: string): Ending {
  return { phase: 'Unknown', reason: 'OutcomeUnknown', message: `${path} may be half written: ${why}` };
}
