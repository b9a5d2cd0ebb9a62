import type { Exec } from '../../api/schema/exec.ts';
import { readBootId } from '../../guest/boot-id.ts';
import { launchOf } from '../../guest/exec-launch.ts';
import { type CallOptions, callPriority } from '../../guest/guest-agent.ts';
import { outputText } from '../../guest/output-text.ts';
import { bytesOf, guestExec, guestExecStatus } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import { type ActionRun, DeadlineReached, type Ending } from './action.ts';
import { Patience } from './patience.ts';

/** What the journal keeps of a command that was started without a spool. */
interface Started {
  pid: number;
}

/** Of each stream, in a status. */
const mostShownBytes = 16_384;
const longestPollMs = 1000;

/**
 * Runs a command by the agent's own guest-exec, for guests without a shell. What the spool makes up for stays as the
 * protocol has it: an answer that is lost (C6, C13), an agent that restarts (C7) or more output than libvirt carries (C1)
 * leave the outcome unknown, and nothing ends the command (C10). A guest that only can't be asked for a while is waited
 * for.
 */
export async function runDirect(run: ActionRun, exec: Exec, withdrawn: AbortSignal): Promise<Ending | undefined> {
  const { stopped, sentBefore } = run;
  const signal = AbortSignal.any([stopped, withdrawn]);
  const wanted = { ...run, withdrawn };
  let sent = sentBefore !== undefined;
  const beforeSent = () => void (sent = true);
  try {
    if (!sentBefore) return await startAndFollow(wanted, exec, { signal, beforeSent });
    const started = sentBefore.note as Started | undefined;
    if (!started) return unknown(answerLost);
    return (await isAnotherBoot(run)) ? rebooted : await follow(wanted, started.pid, signal);
  } catch (error) {
    if (error instanceof AgentError) return endOfFailure(error);
    if (stopped.aborted || error !== withdrawn.reason) throw error;
    const reason = error instanceof DeadlineReached ? 'DeadlineExceeded' : 'Released';
    if (!sent) {
      const message = 'it was no longer waited for before its turn in the guest came: nothing was started';
      return { phase: reason === 'Released' ? 'Skipped' : 'Failed', reason, message };
    }
    const message =
      'it is no longer waited for, and may still run in the guest: a command of mode Direct can’t be ended';
    return { phase: 'Failed', reason, message };
  }
}

async function startAndFollow(
  run: ActionRun,
  exec: Exec,
  sending: Pick<CallOptions, 'beforeSent'> & { signal: AbortSignal },
): Promise<Ending | undefined> {
  const { guest, secret, note } = run;
  const { command, env, stdin } = launchOf(exec, secret);
  const [path = '', ...arg] = command;
  let pid: number;
  try {
    ({ pid } = await guest.agent.call(
      guestExec,
      {
        path,
        arg,
        ...(env.length > 0 && { env: env.map(({ name, value }) => `${name}=${value}`) }),
        ...(stdin && { 'input-data': stdin.toString('base64') }),
        'capture-output': true,
      },
      { priority: callPriority.action, ...sending },
    ));
  } catch (error) {
    if (!(error instanceof AgentError) || error.outcome === 'Unknown') throw error;
    if (error.code !== 'Refused') return undefined;
    return {
      phase: 'Failed',
      reason: 'CommandNotStarted',
      message: `the guest's agent could not start it: ${error.message}`,
    };
  }
  await note({ pid } satisfies Started);
  return await follow(run, pid, sending.signal);
}

async function follow(run: ActionRun, pid: number, signal: AbortSignal): Promise<Ending> {
  const status = await untilExited(run, pid, signal).catch((why: unknown) => exitedMeanwhile(run, pid, why));
  if ('lost' in status) return status.lost;
  const stdout = shownOf(bytesOf(status['out-data']), status['out-truncated'] === true);
  const stderr = shownOf(bytesOf(status['err-data']), status['err-truncated'] === true);
  const { exitcode, signal: signalled } = status;
  const exec = {
    ...(signalled === undefined ? { exitCode: exitcode ?? 0 } : { signal: signalled }),
    ...(stdout.text && { stdout: stdout.text }),
    ...(stderr.text && { stderr: stderr.text }),
    stdoutBytes: stdout.bytes,
    stderrBytes: stderr.bytes,
    ...((stdout.truncated || stderr.truncated) && { truncated: true }),
  };
  if (signalled !== undefined) {
    return { phase: 'Failed', reason: 'Signaled', message: `signal ${signalled} ended the command`, exec };
  }
  return exitcode
    ? { phase: 'Failed', reason: 'NonZeroExit', message: `the command exited with ${exitcode}`, exec }
    : { phase: 'Succeeded', reason: 'Completed', message: '', exec };
}

/** What the agent says of a command that has exited; an end where nobody can ask it any more. */
async function untilExited(run: ActionRun, pid: number, signal: AbortSignal) {
  const { guest, clock } = run;
  const patience = new Patience(run, { command: guestExecStatus.name });
  let mayBeReaped = false;
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 1.6, longestPollMs)) {
    await clock.sleep(waitMs, signal);
    try {
      const status = await guest.agent.call(guestExecStatus, { pid }, { priority: callPriority.status, signal });
      if (status.exited) return status;
      patience.answered();
      mayBeReaped = false;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      // Whoever hears of the end is the only one (C6).
      mayBeReaped ||= error.outcome === 'Unknown';
      if (await patience.bears(error)) {
        if (await isAnotherBoot(run)) return { lost: rebooted };
        continue;
      }
      signal.throwIfAborted();
      return { lost: error.code === 'Refused' && mayBeReaped ? unknown(answerLost) : endOfFailure(error) };
    }
  }
}

/**
 * What the agent says of a command that had exited before `why` came, where that is that nobody waits for it any longer.
 * Throws `why` where it still runs, and where that can't be told.
 */
async function exitedMeanwhile(run: ActionRun, pid: number, why: unknown) {
  const { guest, stopped, withdrawn } = run;
  if (stopped.aborted || why !== withdrawn.reason) throw why;
  try {
    const asked = { priority: callPriority.status, signal: stopped };
    const status = await guest.agent.call(guestExecStatus, { pid }, asked);
    if (status.exited && !(await isAnotherBoot(run))) return status;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
  }
  throw why;
}

/** Whether the pid may be another command's by now (C8); false where the guest doesn't say. */
async function isAnotherBoot({ task, guest, sentBefore, stopped }: ActionRun): Promise<boolean> {
  const bootId = sentBefore?.bootId ?? task.status?.claim?.bootId;
  if (bootId === undefined) return false;
  try {
    return (await readBootId(guest.agent, stopped)) !== bootId;
  } catch (error) {
    if (error instanceof AgentError) return false;
    throw error;
  }
}

function shownOf(bytes: Buffer, more: boolean) {
  const half = mostShownBytes / 2;
  const cut = bytes.length > mostShownBytes;
  const shown = cut ? Buffer.concat([bytes.subarray(0, half), bytes.subarray(-half)]) : bytes;
  const { text, truncated } = outputText({ shown, headBytes: half, totalBytes: bytes.length, more });
  return { text, truncated, bytes: bytes.length };
}

function endOfFailure({ code, message }: AgentError): Ending {
  if (code === 'ReplyTooLarge') return unknown('it printed more than libvirt carries, and its exit code went with it');
  if (code === 'Refused') return unknown("the guest's agent was restarted and knows of it no more");
  return unknown(message);
}

const rebooted: Ending = {
  phase: 'Unknown',
  reason: 'GuestRebooted',
  message: 'the guest was started anew after the command had been: how it ended is lost',
};

const answerLost = 'its answer was lost';

function unknown(why: string): Ending {
  return { phase: 'Unknown', reason: 'OutcomeUnknown', message: `nobody knows how the command ended: ${why}` };
}
