import type { CommandResult } from '../../../api/schema/command-action.ts';
import { allCommands, guestFstrim, guestGetTime, guestSetTime, guestShutdown } from '../../../qga/commands.ts';
import { AgentError } from '../../../qga/errors.ts';
import { clockDrift } from '../../clock-drift.ts';
import { type Action, type ActionRun, DeadlineReached, type Ending, lostInTakeOver } from '../action.ts';
import { type AskedCommand, askedCommand, commandOf, isAskedProblem, problemAtFirstSight } from './asked.ts';
import { carryEffect } from './carry-effect.ts';
import type { ExpectedEffect } from './effect.ts';
import { effectNoteOf } from './effect-note.ts';
import { replyValue } from './reply-value.ts';
import { outcomeUnknown, send, sentAs } from './send.ts';
import { elementKinds, setElements } from './set-elements.ts';
import { trimEnding } from './trim-ending.ts';
import { wakeNow } from './wake.ts';

/**
 * One command of the guest agent, as its protocol has it: every one of them can be reached, as long as nothing of what
 * the operator promises is lost by it. So a few are not sent as they stand:
 *
 * - guest-fsfreeze-freeze and -freeze-list would leave a guest frozen that nobody thaws: action `freeze` does it. A thaw
 *   is sent: it does no harm but to a backup under way, which then finds out.
 * - guest-set-user-password takes its arguments from a Secret only: a task's spec is for many to read.
 * - guest-sync-delimited would break the channel: guest-sync is sent (C34).
 * - guest-exec, guest-exec-status and the guest-file commands are sent. They begin what they don't end: a process that
 *   nobody waits for, a handle that stays open, output that may break the channel (C1, C2). GuestExecJob and the actions
 *   `readFile` and `writeFile` take care of that.
 *
 * What may have been carried out is sent again only where the command is repeatable (C13).
 */
export const commandAction: Action = {
  commands(task) {
    const command = allCommands.get(commandOf(task).execute);
    return command ? [command.sentAs] : [];
  },
  problem: problemAtFirstSight,
  evenFrozen: (task) => allCommands.get(commandOf(task).execute)?.whileFrozen ?? false,
  async run(run) {
    const asked = askedCommand(run.task, run.secret);
    if (isAskedProblem(asked)) return { phase: 'Failed', ...asked };
    try {
      return await runAsked(run, asked);
    } catch (error) {
      if (!(error instanceof DeadlineReached)) throw error;
      const message = 'its deadline was over before it could be sent';
      return { phase: 'Failed', reason: 'DeadlineExceeded', message };
    }
  },
  async takeOver(run) {
    const repeatable = allCommands.get(commandOf(run.task).execute)?.repeatable;
    return repeatable ? await commandAction.run(run) : lostInTakeOver(run);
  },
  async abandon(_id, abandoned) {
    // Without the task nobody would wake what it put to sleep.
    if (effectNoteOf(abandoned.sent)?.wakes) await wakeNow(abandoned);
  },
};

/** Throws DeadlineReached only where nothing was sent. */
async function runAsked(run: ActionRun, asked: AskedCommand): Promise<Ending | undefined> {
  const expected = expectedEffect(asked);
  if (expected) return await carryEffect(run, asked, expected);
  if (run.sentBefore && !asked.command.repeatable) {
    return outcomeUnknown(asked, "this node's agent was started anew meanwhile");
  }
  const elements = elementKinds.get(asked.command.name);
  return elements ? await setElements(run, asked, elements) : await carryOut(run, asked);
}

async function carryOut(run: ActionRun, asked: AskedCommand): Promise<Ending | undefined> {
  const sending = await send(run, asked, asked.timeoutSeconds);
  if (sending.kind === 'ended') return sending.ending;
  if (sending.kind === 'unknown') return outcomeUnknown(asked, sending.why);
  const { sent, message } = sentAs(asked);
  const command = { sent, ...replyValue(sending.reply) };
  switch (asked.command.name) {
    case guestGetTime.name:
    case guestSetTime.name: {
      const clock = await drift(run);
      return { phase: 'Succeeded', reason: 'Completed', message, command: { ...command, ...(clock && { clock }) } };
    }
    case guestFstrim.name:
      return { ...trimEnding(sending.reply), command };
    default:
      return { phase: 'Succeeded', reason: 'Completed', message, command };
  }
}

/** Told beside the result: undefined where the guest doesn't tell its time. */
async function drift({ guest, clock, stopped }: ActionRun): Promise<CommandResult['clock']> {
  try {
    return await clockDrift(guest.agent, clock, stopped);
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

const suspends: Record<string, ExpectedEffect> = {
  'guest-suspend-ram': 'suspendToRam',
  'guest-suspend-hybrid': 'suspendToRam',
  'guest-suspend-disk': 'suspendToDisk',
};

function expectedEffect({ command, arguments: args }: AskedCommand): ExpectedEffect | undefined {
  if (command.name !== guestShutdown.name) return suspends[command.name];
  return (args as { mode?: 'powerdown' | 'reboot' | 'halt' }).mode ?? 'powerdown';
}
