import { spawn } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';

export interface Ended {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** From the line "exiting" on its standard output to its end. */
  exitMs: number | undefined;
}

/** Runs one of the programs of this folder, or another, to its end; kills it when that takes 20 s. */
export function runProgram(program: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const { UV_THREADPOOL_SIZE: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [resolvePath(import.meta.dirname, program), ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  let exitingAt: number | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (stdout.includes('exiting\n')) exitingAt ??= performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.on('error', reject);
  child.on('close', (exitCode, signal) => {
    const exitMs = exitingAt === undefined ? undefined : performance.now() - exitingAt;
    resolve({ exitCode, signal, stdout, stderr, exitMs });
  });
  return promise;
}
