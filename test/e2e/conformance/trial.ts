import type { CommandResult } from '../../../src/api/schema/command-action.ts';
import { allCommands } from '../../../src/qga/commands.ts';
import type { TestGuest } from '../../harness/hypervisor/guest.ts';
import type { TaskAction, TaskFixture, TaskStatus } from '../task-fixture.ts';

/** What became of one command in one guest. */
export type Verdict = 'works' | 'refused' | 'no effect' | 'not offered';

export interface Trial {
  command: string;
  /** What was asked for, short. */
  sent: string;
  /** What came back, short. */
  came: string;
  verdict: Verdict;
}

export interface Bench {
  guest: TestGuest;
  /** The guest's name of its second disk, or of its only one: 256 MiB at least, and nothing on it that is needed. */
  dataDisk: string;
  tasks: TaskFixture;
  trials: Trial[];
}

const longestShown = 120;
/** Under emulation, on a machine that has other work, too. */
const timeoutMs = 240_000;
/** An emulated guest hashes a password in some ten seconds. */
const answerSeconds = 59;

/** Tries a command by a task of its own, notes what came of it, and answers the result where it works. */
export async function tryCommand(
  bench: Bench,
  execute: string,
  args?: Record<string, unknown>,
  more: Partial<TaskAction['command']> = {},
): Promise<CommandResult | undefined> {
  const command = { execute, timeoutSeconds: answerSeconds, ...(args && { arguments: args }), ...more };
  const status = await bench.tasks.run(bench.guest.name, { command }, timeoutMs);
  note(bench, execute, args ? short(args) : '', status);
  return status.phase === 'Succeeded' ? status.command : undefined;
}

/** Notes what came of a command that a task was the means for. `sent` says which. */
function note(bench: Bench, command: string, sent: string, status: TaskStatus): void {
  const { phase, reason = '', message = '', command: result } = status;
  const verdict = verdictOf(command, status);
  if (verdict === undefined) throw new Error(`${command} in ${bench.guest.name}: ${phase} ${reason}: ${message}`);
  const came =
    verdict === 'works'
      ? [result?.seen, result?.reply === undefined ? '' : short(result.reply)].filter(Boolean).join(' ')
      : short(message);
  bench.trials.push({ command, sent, came, verdict });
}

function verdictOf(command: string, { phase, reason }: TaskStatus): Verdict | undefined {
  if (phase === 'Succeeded') return 'works';
  // Of a command that has no answer, nothing else tells that the guest could not.
  if (reason === 'OutcomeUnknown' && !allCommands.get(command)?.answers) return 'no effect';
  if (reason === 'CommandUnsupported') return 'not offered';
  return reason === 'Refused' || reason === 'CommandBlocked' ? 'refused' : undefined;
}

export function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown - 1)}…` : text;
}
