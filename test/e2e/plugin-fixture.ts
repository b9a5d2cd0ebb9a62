import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { shellQuote } from '../../src/guest/shell-quote.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster } from '../harness/fixtures.ts';
import { repository } from '../harness/vitest/shared.ts';
import { namespace } from './operator-fixture.ts';

export interface Ending {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A `kubectl qga` under way. */
export interface PluginRun {
  /** Resolves when it has written this to standard output or standard error. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Ending>;
}

const longestRunMs = 100_000;

/** Starts `kubectl qga` as a script does, in the namespace of the shared guests unless another one is named. */
export function startPlugin(args: readonly string[], input: Buffer | string = ''): PluginRun {
  return started(commandLine(args), input);
}

/** Starts it as a person does, on a terminal: both of its streams are that. */
export function startPluginOnTerminal(args: readonly string[]): PluginRun {
  return started([
    'script',
    '--quiet',
    '--return',
    '--command',
    commandLine(args).map(shellQuote).join(' '),
    '/dev/null',
  ]);
}

function commandLine(args: readonly string[]): string[] {
  const dashes = args.indexOf('--');
  const at = dashes < 0 ? args.length : dashes;
  const all = [...args.slice(0, at), ...whereOf(args), ...args.slice(at)];
  return [process.execPath, join(repository, 'src/cli/main.ts'), ...all];
}

function started([program = '', ...args]: readonly string[], input: Buffer | string = ''): PluginRun {
  const child = spawn(program, args, { stdio: 'pipe', timeout: longestRunMs, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(input);
  const closed = once(child, 'close');
  return {
    async says(text) {
      const hint = () => `${stdout}\n${stderr}`;
      await eventually(() => hint().includes(text), { what: `"${text}"`, timeoutMs: 60_000, hint });
    },
    kill: (signal) => child.kill(signal),
    ended: closed.then(([code]) => ({ code: code as number | null, stdout, stderr })),
  };
}

function whereOf(args: readonly string[]): string[] {
  // What is being completed says it itself.
  if (args[0] === '__complete') return [];
  return ['--kubeconfig', sharedCluster().kubeconfig, ...(args.includes('-n') ? [] : ['-n', namespace])];
}

/** Runs it to its end. */
export async function plugin(...args: string[]): Promise<Ending> {
  return await startPlugin(args).ended;
}
