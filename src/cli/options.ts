import { type Command, InvalidArgumentError, Option } from 'commander';

export interface OutputOptions<Format extends string> {
  output?: Format;
}

/** Where the API server is, and which namespace is meant: as kubectl's own. */
export function connected(command: Command): Command {
  return command
    .addOption(new Option('-n, --namespace <name>', "default: the kubeconfig's"))
    .addOption(new Option('--kubeconfig <path>', 'default: as kubectl'))
    .addOption(new Option('--context <name>', 'of the kubeconfig; default: its current one'));
}

export function outputOption(...formats: string[]): Option {
  return new Option('-o, --output <format>', 'for scripts').choices(formats);
}

export function selectorOption(): Option {
  return new Option('-l, --selector <labels>', 'all guests of the namespace with these labels: app=web,tier!=db');
}

/** Examples under the rest of a verb's help, and what it ends with. */
export function withExamples(command: Command, examples: readonly string[], exitCodes: string): Command {
  const lines = examples.map((example) => `  ${example}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${lines}\n\nExit codes:\n  ${exitCodes}`);
}

const spans: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600 };

/** A duration as `90`, `90s`, `5m` or `1h30m`, in seconds. */
export function seconds(text: string): number {
  const parts = [...text.matchAll(/(\d+)([smh]?)/g)];
  const whole = parts.map(([part]) => part).join('') === text && (parts.length < 2 || !/\d$/.test(text));
  let total = 0;
  for (const [, count, unit = ''] of parts) total += Number(count) * (spans[unit] ?? 1);
  if (!whole || total < 1 || !Number.isSafeInteger(total))
    throw new InvalidArgumentError('A duration is written as 90s, 5m or 1h30m.');
  return total;
}

/** A number or a percentage, as parallelism and maxFailures take it. */
export function countOrShare(text: string): number | string {
  if (/^\d+$/.test(text)) return Number(text);
  if (/^\d+%$/.test(text)) return text;
  throw new InvalidArgumentError('It is a whole number or a percentage, such as 5 or 25%.');
}

/** Of an option that may be given several times. */
export function collected(text: string, before: string[] = []): string[] {
  return [...before, text];
}
