import { Command } from 'commander';
import { version } from '../version.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';
import { complete, completionCommand } from './verbs/completion.ts';
import { cpCommand } from './verbs/cp.ts';
import { doctorCommand } from './verbs/doctor.ts';
import { execCommand } from './verbs/exec.ts';
import { explainTaskCommand } from './verbs/explain-task.ts';
import { freezeCommand } from './verbs/freeze.ts';
import { getCommand } from './verbs/get.ts';
import { logsCommand } from './verbs/logs.ts';
import { rotateCommand } from './verbs/rotate.ts';
import { thawCommand } from './verbs/thaw.ts';
import { versionCommand } from './verbs/version.ts';

/** The command line without what follows `--`, and that: a command to run, never options of ours. */
export interface Split {
  ours: string[];
  command: string[];
}

/** Parts the arguments at the first `--`. */
export function splitAtDashes(argv: readonly string[]): Split {
  const dashes = argv.indexOf('--');
  return dashes < 0
    ? { ours: [...argv], command: [] }
    : { ours: argv.slice(0, dashes), command: argv.slice(dashes + 1) };
}

/** `kubectl qga` with all its verbs. `command` is what the arguments have after `--`. */
export function kubectlQga(command: string[]): Command {
  const program = new Command('kubectl qga')
    .description('Work in libvirt guests through their guest agents, by way of the Kubernetes API.')
    .version(version, '--version')
    .showHelpAfterError('(see kubectl qga --help)')
    .addHelpText('after', '\nEvery verb has examples: kubectl qga VERB --help');
  for (const verb of [
    getCommand(),
    execCommand(command),
    freezeCommand(command),
    thawCommand(),
    rotateCommand(),
    cpCommand(),
    logsCommand(),
    doctorCommand(),
    explainTaskCommand(),
    completionCommand(),
    versionCommand(),
  ]) {
    verb.copyInheritedSettings(program);
    program.addCommand(verb);
  }
  return program;
}

/** Runs a command line to its end; the process's exit code is set, nothing is thrown. */
export async function run(argv: readonly string[]): Promise<void> {
  if (argv[0] === '__complete') return await complete(kubectlQga([]), argv.slice(1));
  const { ours, command } = splitAtDashes(argv);
  const program = kubectlQga(command);
  for (const each of [program, ...program.commands])
    each.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage));
  try {
    await program.parseAsync(ours, { from: 'user' });
  } catch (error) {
    process.stderr.write(`kubectl qga: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
}
