import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { exitCodes } from '../exit-codes.ts';
import type { CommandEnd } from './outcome.ts';

/** A command on this machine, under way. */
export interface LocalCommand {
  ended: Promise<CommandEnd>;
  /** No longer waits for it, after sending it the signal if there is one. */
  leave(signal: NodeJS.Signals | undefined): void;
}

/** Starts a command with our own input and output; a program that can't be started ends as a shell says it. */
export function startLocal(command: readonly string[], env: Record<string, string>): LocalCommand {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  async function end(): Promise<CommandEnd> {
    try {
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      return { exitCode: code ?? undefined, signal: signal ?? undefined };
    } catch (error) {
      process.stderr.write(`kubectl qga: ${program} could not be started: ${(error as Error).message}\n`);
      return { exitCode: exitCodes.commandNotFound, signal: undefined };
    }
  }
  return {
    ended: end(),
    leave(signal) {
      if (signal !== undefined) child.kill(signal);
      child.unref();
    },
  };
}
