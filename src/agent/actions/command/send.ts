import type { CommandResult } from '../../../api/schema/command-action.ts';
import { failureReason } from '../../../guest/failure-reason.ts';
import { callPriority } from '../../../guest/guest-agent.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { ActionRun, Ending } from '../action.ts';
import { endingOfRefusal } from '../refusal.ts';
import type { AskedCommand } from './asked.ts';

/** What came of sending a command once. */
export type Sending =
  | { kind: 'answered'; reply: unknown }
  /** Whatever is done next, this is how it ended; undefined: a later try may fare better, and does no harm. */
  | { kind: 'ended'; ending: Ending | undefined }
  /** It may have been carried out. `why`: what may be told of it. */
  | { kind: 'unknown'; why: string };

/**
 * Sends a command once; a question that was refused, once more. Throws the reason of `withdrawn` where that came before it
 * was on its way: it was not sent then. Throws the reason of the process's end, too.
 */
export async function send(
  run: ActionRun,
  asked: AskedCommand,
  timeoutSeconds: number,
  beforeSent?: () => Promise<void>,
): Promise<Sending> {
  const sending = await sendOnce(run, asked, timeoutSeconds, beforeSent);
  // Its guest may have been frozen only until it was asked why: a reason of its own it has twice.
  const isRefused = sending.kind === 'ended' && sending.ending?.reason === 'Refused';
  return isRefused && asked.command.repeatable ? await sendOnce(run, asked, timeoutSeconds, beforeSent) : sending;
}

async function sendOnce(
  { task, guest, stopped, withdrawn }: ActionRun,
  asked: AskedCommand,
  timeoutSeconds: number,
  beforeSent: (() => Promise<void>) | undefined,
): Promise<Sending> {
  try {
    // No deadline ends what is on its way: nobody could tell then what became of it.
    const signals = { signal: stopped, unlessSent: withdrawn };
    const options = { priority: callPriority.action, ...signals, beforeSent, timeoutSeconds };
    return { kind: 'answered', reply: await guest.agent.call(asked.command, asked.arguments, options) };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return await meaningOf(error, { task, guest, stopped }, asked);
  }
}

/** The result's first words: another command may be sent than asked for. */
export function sentAs({ command }: AskedCommand): Pick<CommandResult, 'sent'> & { message: string } {
  if (command.sentAs === command.name) return { sent: command.name, message: '' };
  const message = `${command.sentAs} was sent in place of ${command.name}, whose answer libvirt can't read: it would have given up the channel`;
  return { sent: command.sentAs, message };
}

export function outcomeUnknown(asked: AskedCommand, why: string): Ending {
  const message = `${asked.command.sentAs} was sent, and nobody knows whether it was carried out: ${why}`;
  return { phase: 'Unknown', reason: 'OutcomeUnknown', message };
}

type Asking = Pick<ActionRun, 'task' | 'guest' | 'stopped'>;

async function meaningOf(error: AgentError, run: Asking, asked: AskedCommand): Promise<Sending> {
  const { command } = asked;
  switch (error.outcome) {
    case 'NotSent':
      // libvirt says the same of an agent that is not there and of one that left while it was asked (C40).
      if (!command.answers && error.code === 'Unresponsive') return { kind: 'unknown', why: words(error, asked) };
      // Nothing reached the agent, which could have quoted it.
      return { kind: 'ended', ending: error.retryable ? undefined : failed(failureReason(error), error.message) };
    case 'Refused':
      return { kind: 'ended', ending: await whyCommandRefused(error, run, asked) };
    case 'Unknown': {
      if (!command.repeatable) return { kind: 'unknown', why: words(error, asked) };
      // Asked again, an agent that talks nonsense would do so for ever.
      const again = error.retryable && error.code !== 'MalformedReply';
      return { kind: 'ended', ending: again ? undefined : failed(error.code, words(error, asked)) };
    }
  }
}

async function whyCommandRefused(
  error: AgentError,
  { task, guest, stopped }: Asking,
  asked: AskedCommand,
): Promise<Ending | undefined> {
  const own = () => failed('Refused', words(error, asked));
  return await endingOfRefusal(guest.agent, task.spec.guestName, asked.command.sentAs, stopped, own);
}

/**
 * What may be told of a failure. The agent may quote its arguments in any that it had a hand in, and which those are libvirt
 * doesn't always say: a daemon that speaks another language passes refusals on in words that nobody knows here.
 */
function words(error: AgentError, { command, secret }: AskedCommand): string {
  if (!secret) return error.message;
  return `${failureReason(error)}; what was said of ${command.sentAs} is kept back, since it may quote the secret arguments`;
}

function failed(reason: string, message: string): Ending {
  return { phase: 'Failed', reason, message };
}
