import type { GuestTask } from '../../../api/resources.ts';
import type { WriteFileAction } from '../../../api/schema/file-actions.ts';
import {
  guestExec,
  guestExecStatus,
  guestFileClose,
  guestFileFlush,
  guestFileOpen,
  guestFileWrite,
} from '../../../qga/commands.ts';
import type { Action, ActionRun } from '../action.ts';
import { discard, removeTemporaries, withdraw } from './discard.ts';
import { closeLeftOpen } from './left-open.ts';
import { wantedFile } from './wanted-file.ts';
import { place, writeBeside } from './write-beside.ts';
import { writeInPlace } from './write-in-place.ts';
import { writeNoteOf } from './write-note.ts';

/**
 * Puts a file in a guest. Where guest-exec is allowed, it is written to a temporary file beside its place, verified, and
 * renamed: nobody ever sees half of it, and no later life of this process undoes what somebody changed since. Elsewhere
 * it is written in place, once, and the result says so.
 */
export const writeFileAction: Action = {
  commands: () => [guestFileOpen.name, guestFileWrite.name, guestFileFlush.name, guestFileClose.name],
  problem: problemOf,
  async run(run) {
    const { guest, withdrawn } = run;
    const file = wantedFile(writeOf(run.task), run.secret);
    const note = writeNoteOf(run.sentBefore);
    if (note?.stage === 'placing') return await place(run, file, note.placing);
    if (note?.stage === 'discarding') return await discard(run, file, note.ending);
    await closeLeftOpen(run, run.sentBefore, note?.handle);
    if (note?.stage === 'inPlace') {
      const message = `this node's agent was started anew while ${file.path} was written: it may be half written`;
      return { phase: 'Unknown', reason: 'OutcomeUnknown', message };
    }
    if (withdrawn.aborted) return await withdraw(run, file, note !== undefined);
    // Where nothing was begun, the task waits better where it says for what.
    if (!note && guest.health.state !== 'answers') return undefined;
    const shell = await hasShell(run);
    if (shell === undefined) return await withdraw(run, file, true);
    const written = shell ? await writeBeside(run, file) : 'noShell';
    return written === 'noShell' ? await writeInPlace(run, file) : written;
  },
  async abandon(id, abandoned) {
    const { sent } = abandoned;
    const note = writeNoteOf(sent);
    if (note?.stage === 'writing' || note?.stage === 'inPlace') await closeLeftOpen(abandoned, sent, note.handle);
    if (!note || note.stage === 'inPlace') return;
    await removeTemporaries(abandoned, id, note.path, 0);
  },
};

function problemOf(task: GuestTask): { reason: string; message: string } | undefined {
  const { contentBase64 } = writeOf(task);
  if (contentBase64 === undefined || contentBase64.length % 4 === 0) return undefined;
  return { reason: 'InvalidArguments', message: 'writeFile.contentBase64: expected base64' };
}

/**
 * Whether the guest lets anybody run a shell, once its agent has told what it offers: after a restart of this process
 * that takes a moment. Undefined where it has not told when nobody waits any longer.
 */
async function hasShell({ guest, clock, stopped, withdrawn }: ActionRun): Promise<boolean | undefined> {
  while (guest.health.state !== 'answers') {
    if (withdrawn.aborted) return undefined;
    await clock.sleep(lookAgainMs, stopped);
  }
  const { agent, os } = guest.health.facts;
  if (os?.id === 'mswindows') return false;
  return [guestExec, guestExecStatus].every(({ name }) => agent?.allowedCommands?.includes(name));
}

const lookAgainMs = 250;

function writeOf({ spec }: GuestTask): WriteFileAction {
  if (!spec.action.writeFile) throw new TypeError('the task has no writeFile');
  return spec.action.writeFile;
}
