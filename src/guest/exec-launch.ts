import { graceSecondsOf } from '../api/exec-ending.ts';
import type { Exec } from '../api/schema/exec.ts';
import type { SealedPayload } from '../sealing/payload.ts';

/** A command with everything it takes, as it goes to a guest. */
export interface Launch {
  /** The program and its arguments; in place of a script its interpreter, and what the script gets. */
  command: readonly string[];
  /** Handed to the interpreter as a file, between `command` and `args`. */
  script?: { text: string; args: readonly string[] } | undefined;
  env: readonly { name: string; value: string }[];
  stdin?: Buffer | undefined;
  workingDirectory?: string | undefined;
  user?: string | undefined;
  /** How much of each stream is kept in the guest. */
  limitBytes: number;
  /** From SIGTERM to SIGKILL. */
  graceSeconds: number;
}

export const defaultLimitBytes = 1048576;

/** What a task's exec comes to with what the manager sealed for it. */
export function launchOf(exec: Exec, secret: SealedPayload | undefined): Launch {
  const sealed = secret?.kind === 'exec' ? secret : undefined;
  const { command = [], script, env = [], stdin, stdinFrom, workingDirectory, user, output } = exec;
  return {
    command: script ? (script.interpreter ?? ['/bin/sh']) : command,
    script: script && { text: script.source ?? sealed?.script ?? '', args: script.args ?? [] },
    env: env.flatMap(({ name, value, valueFrom }) => {
      const given = valueFrom ? sealed?.env?.[name] : (value ?? '');
      return given === undefined ? [] : [{ name, value: given }];
    }),
    stdin: stdinFrom
      ? Buffer.from(sealed?.stdin ?? '', 'base64')
      : stdin === undefined
        ? undefined
        : Buffer.from(stdin, 'utf8'),
    workingDirectory,
    user,
    limitBytes: output?.limitBytes ?? defaultLimitBytes,
    graceSeconds: graceSecondsOf(exec),
  };
}
