import { closestMatch } from 'leven';
import { argumentProblem } from './argument-problem.ts';
import type { Command } from './command.ts';
import { allCommands } from './commands.ts';

export type ArgumentCheck =
  /** `arguments` are as the command's schema has them, and can be encoded. */
  | { command: Command; arguments: unknown }
  /** One sentence for the person who typed it. */
  | { problem: string };

/**
 * What a person typed as `{execute, arguments}`, told apart into a command with its arguments and a sentence that says
 * what is wrong: `arguments.colour: not an argument of guest-set-vcpus`, `arguments.path: required`.
 */
export function checkArguments(execute: string, args: unknown): ArgumentCheck {
  const command = allCommands.get(execute);
  if (!command) return { problem: unknownCommand(execute) };
  const parsed = command.arguments.safeParse(args ?? {});
  return parsed.success
    ? { command, arguments: parsed.data }
    : { problem: argumentProblem(command.name, args ?? {}, parsed.error) };
}

const longestName = 64;

function unknownCommand(execute: string): string {
  const name = execute.slice(0, longestName);
  const near = closestMatch(name, [...allCommands.keys()], { maxDistance: 6 });
  return `execute: ${JSON.stringify(name)} is not a command of the guest agent${near ? `: did you mean ${near}?` : ''}`;
}
