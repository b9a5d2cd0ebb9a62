import type { GuestTask } from '../../../api/resources.ts';
import type { CommandAction } from '../../../api/schema/command-action.ts';
import { checkArguments } from '../../../qga/check-arguments.ts';
import type { Command } from '../../../qga/command.ts';
import {
  allCommands,
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFstrim,
  guestSetUserPassword,
  guestShutdown,
} from '../../../qga/commands.ts';
import { parseExact } from '../../../qga/json.ts';
import type { SealedPayload } from '../../../sealing/payload.ts';

/** A command as a task asks for it, checked. */
export interface AskedCommand {
  command: Command;
  /** As the command's schema has them. */
  arguments: unknown;
  /** They came from a Secret: neither they nor what the agent says of them may be told. */
  secret: boolean;
  /** How long the guest may take over the command and its effect. */
  timeoutSeconds: number;
  wakeAfterSeconds: number | undefined;
}

export interface AskedProblem {
  reason: 'UnknownCommand' | 'InvalidArguments' | 'UnsafeCommand';
  message: string;
}

/** What a task asks for, or what is wrong with it. `secret` is what the task takes from Secrets, once it is opened. */
export function askedCommand(task: GuestTask, secret: SealedPayload | undefined): AskedCommand | AskedProblem {
  const action = commandOf(task);
  const unsafe = unsafeCommand(action);
  if (unsafe) return unsafe;
  if (!allCommands.has(action.execute)) {
    const check = checkArguments(action.execute, {});
    return { reason: 'UnknownCommand', message: 'problem' in check ? check.problem : '' };
  }
  const args = action.argumentsFrom ? sealedArguments(secret) : (action.arguments as unknown);
  const check = checkArguments(action.execute, args);
  if ('problem' in check) return { reason: 'InvalidArguments', message: check.problem };
  return {
    command: check.command,
    arguments: check.arguments,
    secret: action.argumentsFrom !== undefined,
    timeoutSeconds: action.timeoutSeconds ?? defaultTimeoutSeconds(check.command),
    wakeAfterSeconds: action.wakeAfterSeconds,
  };
}

export function isAskedProblem(asked: AskedCommand | AskedProblem): asked is AskedProblem {
  return 'reason' in asked;
}

/** What can be said of a task whose arguments are still sealed: undefined where nothing is wrong so far. */
export function problemAtFirstSight(task: GuestTask): AskedProblem | undefined {
  const action = commandOf(task);
  if (action.argumentsFrom && allCommands.has(action.execute)) return unsafeCommand(action);
  const asked = askedCommand(task, undefined);
  return isAskedProblem(asked) ? asked : undefined;
}

export function commandOf({ spec }: GuestTask): CommandAction {
  if (!spec.action.command) throw new TypeError('the task has no command');
  return spec.action.command;
}

/** What the API refuses, too: an API server may have an older definition of it. */
function unsafeCommand({ execute, arguments: args }: CommandAction): AskedProblem | undefined {
  if (execute === guestFsfreezeFreeze.name || execute === guestFsfreezeFreezeList.name) {
    const message = 'a freeze needs somebody who thaws it in time: use action freeze, or a FsFreezeWindow';
    return { reason: 'UnsafeCommand', message };
  }
  if (execute === guestSetUserPassword.name && args !== undefined) {
    const message = 'whoever reads the task can read the password: use action setPassword, or argumentsFrom';
    return { reason: 'UnsafeCommand', message };
  }
  return undefined;
}

/** What is no JSON is made something that no command takes: the check says so, without a word of it. */
function sealedArguments(secret: SealedPayload | undefined): unknown {
  if (secret?.kind !== 'arguments') return 0;
  try {
    return parseExact(secret.arguments);
  } catch {
    return 0;
  }
}

function defaultTimeoutSeconds(command: Command): number {
  if (command.name === guestFstrim.name) return 1800;
  if (command.name === guestShutdown.name) return 300;
  return command.answers ? 30 : 60;
}
