import type { Command } from './command.ts';
import * as commands from './commands/index.ts';

export { bytesOf } from './base64.ts';
export * from './commands/index.ts';

/**
 * Every command of the guest agent that can be sent, by its name, in order. What is since 2.11 or older is as the
 * protocol reference of QEMU 2.11 has it, what is newer as that of QEMU 10.0; what only guests showed has its C-number.
 */
export const allCommands: ReadonlyMap<string, Command> = new Map(
  Object.values<Command>(commands)
    .map((command) => [command.name, command] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1)),
);
