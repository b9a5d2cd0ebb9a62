import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { HopelessError } from './eventually.ts';

export interface ServiceOptions {
  /** How messages call it. */
  name: string;
  command: string;
  args: readonly string[];
  /** Takes standard output and standard error; appended to, so that restarts share one file. */
  logFile: string;
  env?: Record<string, string>;
}

/** A long-running child process whose output goes to a file and whose death is never missed. */
export interface Service {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Whether the process still runs. */
  running(): boolean;
  /** Sends the signal; for one that ends the process, resolves when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the process politely, then by force after `graceMs`. Resolves when it has ended; does nothing when it had. */
  stop(graceMs?: number): Promise<void>;
  /** "exit code 1", "SIGKILL" or undefined while it runs. */
  outcome(): string | undefined;
  /** The last lines of its output under a heading: meant for error texts. */
  logTail(lines?: number): string;
  /** Throws, with the log's tail, when the process has ended: for the probes of `eventually`. */
  assertRunning(): void;
}

const signalsThatPause = new Set<NodeJS.Signals>(['SIGSTOP', 'SIGCONT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']);

/** Starts a process that dies with ours, even when ours is killed. Rejects when it can't be executed. */
export async function startService({ name, command, args, logFile, env }: ServiceOptions): Promise<Service> {
  const log = openSync(logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  await once(child, 'spawn');
  return asService(name, child, logFile);
}

function asService(name: string, child: ChildProcess, logFile: string): Service {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  const ended = once(child, 'exit');

  function outcome(): string | undefined {
    if (child.signalCode !== null) return child.signalCode;
    return child.exitCode === null ? undefined : `exit code ${child.exitCode}`;
  }
  function running(): boolean {
    return outcome() === undefined;
  }
  function logTail(lines = 15): string {
    return `--- the end of ${logFile}\n${tail(logFile, lines)}`;
  }
  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!running()) return;
    child.kill(signal);
    if (!signalsThatPause.has(signal)) await ended;
  }
  async function stop(graceMs = 5000): Promise<void> {
    if (!running()) return;
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
    clearTimeout(force);
  }
  function assertRunning(): void {
    if (!running()) throw new HopelessError(`${name} ended with ${outcome()}\n${logTail()}`);
  }
  return { name, pid, logFile, running, kill, stop, outcome, logTail, assertRunning };
}

function tail(file: string, lines: number): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
