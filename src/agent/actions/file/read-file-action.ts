import { isUtf8 } from 'node:buffer';
import type { GuestTask } from '../../../api/resources.ts';
import type { ReadFileAction, ReadFileResult } from '../../../api/schema/file-actions.ts';
import { GuestFile } from '../../../guest/guest-file.ts';
import type { Sent } from '../../../guest/journal.ts';
import { guestFileClose, guestFileOpen, guestFileRead, guestFileSeek } from '../../../qga/commands.ts';
import { AgentError } from '../../../qga/errors.ts';
import { type Action, type ActionRun, DeadlineReached, type Ending } from '../action.ts';
import { endingOfFileError } from './file-failure.ts';
import { closeLeftOpen } from './left-open.ts';
import { pathMessage, pathProblem } from './path-problem.ts';
import { sha256Of } from './wanted-file.ts';

/** What the next life of this process must know. */
interface ReadNote {
  handle?: number;
}

/**
 * Reads a part of a file. It changes nothing, so it is done again after whatever went wrong; what it opened is closed
 * whatever goes wrong. A handle is lost, and stays open until the guest's agent ends, only where the answer to opening
 * it was.
 */
export const readFileAction: Action = {
  commands: () => [guestFileOpen.name, guestFileSeek.name, guestFileRead.name, guestFileClose.name],
  async run(run) {
    const { sentBefore, withdrawn } = run;
    await closeLeftOpen(run, sentBefore, readNoteOf(sentBefore)?.handle);
    try {
      withdrawn.throwIfAborted();
      return await read(run, readOf(run.task));
    } catch (error) {
      if (error instanceof DeadlineReached) {
        const message = 'its deadline was over before the file could be read';
        return { phase: 'Failed', reason: 'DeadlineExceeded', message };
      }
      if (!(error instanceof AgentError)) throw error;
      return await endingOfFileError(run, error, guestFileRead.name, () => ownReason(run, error));
    }
  },
  takeOver: (run) => readFileAction.run(run),
  abandon: async (_id, abandoned) => await closeLeftOpen(abandoned, abandoned.sent, readNoteOf(abandoned.sent)?.handle),
};

/** As the API server fills it in. */
const defaultMaxBytes = 65_536;

async function read(run: ActionRun, { path, offset = 0, maxBytes = defaultMaxBytes }: ReadFileAction): Promise<Ending> {
  const { guest, clock, stopped, withdrawn } = run;
  const file = await GuestFile.open(guest.agent, path, 'r', { clock, signal: stopped, unlessSent: withdrawn });
  try {
    await run.note({ handle: file.handle } satisfies ReadNote);
    const size = await file.size();
    const { bytes, eof } = await file.read(offset, maxBytes);
    const ended = eof || (size !== undefined && size > 0 && offset + bytes.length >= size);
    const message = ended ? '' : `more follows: read on with offset ${offset + bytes.length}`;
    const result = resultOf(bytes, offset, ended, size);
    return { phase: 'Succeeded', reason: 'Completed', message, readFile: result };
  } finally {
    await file.close();
  }
}

function resultOf(bytes: Buffer, offset: number, eof: boolean, size: number | undefined): ReadFileResult {
  return {
    ...contentOf(bytes),
    offset,
    bytes: bytes.length,
    ...(size !== undefined && { size }),
    eof,
    sha256: sha256Of(bytes),
  };
}

/** As text where that is what it is, and takes no more room than base64 would: JSON writes control characters long. */
function contentOf(bytes: Buffer): Pick<ReadFileResult, 'content' | 'contentBase64'> {
  if (isUtf8(bytes)) {
    const content = bytes.toString('utf8');
    if (Buffer.byteLength(JSON.stringify(content)) <= bytes.length * 1.34 + 1024) return { content };
  }
  return { contentBase64: bytes.toString('base64') };
}

async function ownReason({ task, guest, clock, stopped }: ActionRun, error: AgentError): Promise<Ending> {
  const { path } = readOf(task);
  const problem = await pathProblem(guest.agent, path, { clock, signal: stopped });
  return problem
    ? { phase: 'Failed', reason: problem, message: pathMessage(problem, task.spec.guestName, path) }
    : { phase: 'Failed', reason: 'Refused', message: error.message };
}

function readNoteOf(sent: Sent | undefined): ReadNote | undefined {
  return sent?.note as ReadNote | undefined;
}

function readOf({ spec }: GuestTask): ReadFileAction {
  if (!spec.action.readFile) throw new TypeError('the task has no readFile');
  return spec.action.readFile;
}
