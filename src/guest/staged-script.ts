import { guestFileOpen, guestFileWrite } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import { longestRequest } from '../qga/limits.ts';
import type { Clock } from '../seams/clock.ts';
import type { GuestAgent } from './guest-agent.ts';
import { GuestFile } from './guest-file.ts';
import { runScript } from './run-script.ts';

/** What a guest-exec is besides its input. */
const requestOverhead = 512;

/** A script could not be put into the guest, so nothing of it was started, whatever became of the call that failed. */
export class NotStagedError extends AgentError {
  /** The command of the guest's agent that failed. */
  readonly command: string;

  constructor(command: string, cause: AgentError) {
    super(cause.code, cause.outcome === 'Refused' ? 'Refused' : 'NotSent', cause.retryable, cause.message, { cause });
    this.command = command;
  }
}

/**
 * A script that can be sent to a shell in the guest in place of `script`: the same one, or, where that is longer than one
 * request can be (C43), one that runs what was written to a file before. Throws an AgentError where no shell was started
 * for that, and a NotStagedError where the file could not be written.
 */
export async function stagedScript(
  agent: GuestAgent,
  id: string,
  script: string,
  call: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const bytes = Buffer.from(script, 'utf8');
  if ((bytes.length * 4) / 3 + requestOverhead <= longestRequest) return script;
  const path = `/run/qga/${id}.script`;
  const failure = (await write(agent, path, bytes, call)) && (await write(agent, path, bytes, call));
  if (failure) {
    await ignoringFailure(runScript(agent, `rm -f ${path}\n`, call));
    throw failure;
  }
  return `_qga_script=$(cat ${path}) && rm -f ${path} && eval "$_qga_script"\n`;
}

/** Answers why the agent refused it: it may have been frozen only until now. */
async function write(
  agent: GuestAgent,
  path: string,
  bytes: Buffer,
  call: { clock: Clock; signal: AbortSignal },
): Promise<NotStagedError | undefined> {
  // In a folder that only root can look into: the agent makes new files for everybody to read.
  await beforeAnything(runScript(agent, '[ -d /run/qga ] || mkdir -m 700 /run/qga\n', call));
  let command = guestFileOpen.name;
  try {
    const file = await GuestFile.open(agent, path, 'w', call);
    command = guestFileWrite.name;
    const failure = await file.fillAndClose(bytes);
    if (failure) throw failure;
    return undefined;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const notStaged = new NotStagedError(command, error);
    if (error.outcome !== 'Refused') throw notStaged;
    return notStaged;
  }
}

/** What was sent so far was no part of the script: nothing of that was started. */
async function beforeAnything<R>(work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AgentError) || error.outcome !== 'Unknown') throw error;
    throw new AgentError(error.code, 'NotSent', error.retryable, error.message, { cause: error });
  }
}

async function ignoringFailure(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
  }
}
