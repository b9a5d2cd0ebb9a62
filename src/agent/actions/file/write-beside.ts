import { GuestFile } from '../../../guest/guest-file.ts';
import { runScript } from '../../../guest/run-script.ts';
import { uidOf } from '../../../kube/objects.ts';
import { guestFileWrite } from '../../../qga/commands.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { ActionRun, Ending } from '../action.ts';
import { discard, withdraw } from './discard.ts';
import { endingOfFileError } from './file-failure.ts';
import { shellNotStarted, whyNotPrepared } from './not-prepared.ts';
import {
  type Placed,
  type Placing,
  type Prepared,
  parsePlaced,
  parsePrepared,
  placeScript,
  prepareScript,
  temporaryName,
} from './place-script.ts';
import { sha256Of, type WantedFile } from './wanted-file.ts';
import type { WriteNote } from './write-note.ts';

const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** What can't be looked at for so long is left to a person. */
const longestMs = 15 * 60_000;

/**
 * Writes a file beside its place and renames it. `noShell`: the guest lets nobody run /bin/sh. Undefined where nothing
 * was changed and a later try may fare better.
 */
export async function writeBeside(run: ActionRun, file: WantedFile): Promise<Ending | undefined | 'noShell'> {
  const { task, guest, clock, stopped } = run;
  const { path } = file;
  const name = temporaryName(uidOf(task), clock.now().toString(36));
  const call = { clock, signal: stopped };
  await run.note({ stage: 'writing', path } satisfies WriteNote);
  let prepared: Prepared | undefined;
  try {
    prepared = parsePrepared(await runScript(guest.agent, prepareScript(path, name), call), name);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return await whyNotPrepared(run, path, error);
  }
  if (!prepared)
    return await discard(run, file, shellNotStarted(path, 'the guest’s shell was killed, or speaks nonsense'));
  if (prepared.kind === 'refused') return refusedEnding(prepared.problem, path, prepared.words);
  const { temporary, target, canSum } = prepared;
  const filled = await fill(run, file, temporary, canSum);
  if (filled !== 'whole') {
    const ending = await discard(run, file, filled ?? interrupted(path));
    return filled && ending;
  }
  // What held it up, a freeze for instance, may have lasted.
  if (run.withdrawn.aborted) return await withdraw(run, file, true);
  const placing: Placing = { temporary, target, sha256: file.sha256, canSum, mode: file.mode, owner: file.owner };
  await run.note({ stage: 'placing', path, placing } satisfies WriteNote);
  return await place(run, file, placing);
}

/**
 * Puts the written file in its place, and keeps at it until that is certain: it can be asked for any number of times. From
 * here on no deadline ends it, which is near anyway.
 */
export async function place(run: ActionRun, file: WantedFile, placing: Placing): Promise<Ending> {
  const { guest, clock, stopped } = run;
  const call = { clock, signal: stopped };
  const until = clock.monotonic() + longestMs;
  let why = 'the guest’s shell answered nonsense';
  for (let waitMs = firstRetryMs; clock.monotonic() < until; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    try {
      const placed = parsePlaced(await runScript(guest.agent, placeScript(placing), call));
      if (placed) return await endingOf(run, file, placed);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      why = error.message;
      if (await guest.agent.isGone(error, stopped)) break;
    }
    await clock.sleep(waitMs, stopped);
  }
  const message = `${file.path} was written beside its place, and nobody knows whether it was put there: ${why}`;
  return { phase: 'Unknown', reason: 'OutcomeUnknown', message };
}

/** Fills the temporary file: `whole`, or how the task ends; undefined where a later try may fare better. */
async function fill(
  run: ActionRun,
  { bytes, path, sha256 }: WantedFile,
  temporary: string,
  canSum: boolean,
): Promise<'whole' | Ending | undefined> {
  const { guest, clock, stopped } = run;
  const call = { clock, signal: stopped };
  try {
    const file = await GuestFile.open(guest.agent, temporary, 'w', call);
    await run.note({ stage: 'writing', path, handle: file.handle } satisfies WriteNote);
    const failure = await file.fillAndClose(bytes);
    // Closed is closed, whatever was said: a second time would be the agent's end.
    await run.note({ stage: 'writing', path } satisfies WriteNote);
    if (failure) throw failure;
    if (canSum) return 'whole';
    const read = await GuestFile.open(guest.agent, temporary, 'r', call);
    const back = await read.readAndClose(bytes.length + 1);
    return sha256Of(back) === sha256 ? 'whole' : refusedEnding('Corrupted', path, '');
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const message = `${path} was not written, and nothing was changed: ${error.message}`;
    const own: Ending = { phase: 'Failed', reason: 'WriteFailed', message };
    return await endingOfFileError(run, error, guestFileWrite.name, async () => own);
  }
}

async function endingOf(run: ActionRun, file: WantedFile, placed: Placed): Promise<Ending> {
  switch (placed.kind) {
    case 'placed':
    case 'placedBefore': {
      const { mode, owner } = placed;
      const created = placed.kind === 'placed' ? { created: placed.created } : {};
      const result = { bytes: file.bytes.length, sha256: file.sha256, atomic: true, ...created, mode, owner };
      return { phase: 'Succeeded', reason: 'Completed', message: '', writeFile: result };
    }
    case 'lost': {
      const message = `${file.path} is not what was written: it was changed since it was put in place, or never was`;
      return { phase: 'Unknown', reason: 'OutcomeUnknown', message };
    }
    case 'refused':
      return await discard(run, file, refusedEnding(placed.problem, file.path, placed.words));
  }
}

/** For the next life of this process only, should this one end before the temporary file is removed. */
function interrupted(path: string): Ending {
  return { phase: 'Failed', reason: 'WriteFailed', message: `${path} could not be written: nothing was changed` };
}

type Problem = Extract<Prepared, { kind: 'refused' }>['problem'] | Extract<Placed, { kind: 'refused' }>['problem'];

const sentences: Record<Problem, (path: string) => string> = {
  IsDirectory: (path) => `${path} is a directory`,
  ParentNotFound: (path) => `there is no folder for ${path} to be in`,
  PermissionDenied: (path) => `the folder of ${path} can't be written to: no permission, or a read-only filesystem`,
  NotCreated: (path) => `no file can be made beside ${path}`,
  Corrupted: (path) => `what was written beside ${path} is not what was sent`,
  OwnerRefused: (path) => `${path} can't be given to that owner`,
  ModeRefused: (path) => `${path} can't have that mode`,
  NotPlaced: (path) => `${path} was written beside its place and could not be renamed`,
};

/** In each of these cases nothing that anybody sees has changed. */
function refusedEnding(problem: Problem, path: string, words: string): Ending {
  const message = `${sentences[problem](path)}; nothing was changed${words && `: ${words}`}`;
  return { phase: 'Failed', reason: problem, message };
}
