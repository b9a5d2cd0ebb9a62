import { Argument, Command } from 'commander';
import { completionLines } from '../completion/candidates.ts';
import { kubectlCompleter, shellScripts } from '../completion/shells.ts';
import { wantedAt } from '../completion/wanted.ts';
import { withExamples } from '../options.ts';

const shells = ['bash', 'zsh', 'fish', 'kubectl'] as const;

/** `kubectl qga completion` */
export function completionCommand(): Command {
  const command = new Command('completion')
    .description('Print a script that makes a shell complete verbs, flags, and the names of guests, windows and jobs.')
    .addArgument(
      new Argument('<shell>', 'kubectl: what kubectl itself asks, as kubectl_complete-qga in the PATH').choices(shells),
    )
    .action((shell: (typeof shells)[number]) => {
      process.stdout.write(`${shell === 'kubectl' ? kubectlCompleter : shellScripts[shell]}\n`);
    });
  return withExamples(
    command,
    [
      'source <(kubectl qga completion bash)       # completes kubectl-qga',
      'kubectl qga completion fish > ~/.config/fish/completions/kubectl-qga.fish',
      'kubectl qga completion kubectl > ~/.local/bin/kubectl_complete-qga && chmod +x ~/.local/bin/kubectl_complete-qga',
    ],
    '0',
  );
}

/** What completion scripts, and kubectl, call: not for people. `words` is the command line without the program. */
export async function complete(program: Command, words: readonly string[]): Promise<void> {
  try {
    process.stdout.write(`${(await completionLines(wantedAt(program, words), words)).join('\n')}\n`);
  } catch {
    // In the midst of typing nobody wants to read why there are no names.
    process.stdout.write(':4\n');
  }
}
