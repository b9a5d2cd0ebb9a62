import { spawn } from 'node:child_process';

export interface RunOptions {
  /** Written to the command's standard input, which is then closed. */
  input?: string | Buffer;
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** A command that ended with something other than 0; `stdout` and `stderr` are whole. */
export class CommandError extends Error {
  override name = 'CommandError';
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: string, exitCode: number | null, stdout: string, stderr: string) {
    super(`${command} ended with ${exitCode ?? 'a signal'}: ${stderr.trim() || stdout.trim()}`);
    this.exitCode = exitCode;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** Runs a command to its end and returns its standard output; rejects with a CommandError unless it exits 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input = '', env, cwd, timeoutMs = 60_000, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, args, {
    stdio: 'pipe',
    killSignal: 'SIGKILL',
    timeout: timeoutMs,
    env: { ...process.env, ...env },
    ...(cwd ? { cwd } : {}),
    ...(signal ? { signal } : {}),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') reject(error);
  });
  child.stdin.end(input);
  child.on('error', reject);
  child.on('close', (code) => {
    const out = Buffer.concat(stdout).toString();
    if (code === 0) resolve(out);
    else reject(new CommandError([command, ...args].join(' '), code, out, Buffer.concat(stderr).toString()));
  });
  return promise;
}
