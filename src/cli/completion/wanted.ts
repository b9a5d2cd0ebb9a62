import type { Command, Option } from 'commander';

/** What could stand where the cursor is. */
export type Wanted =
  | { what: 'words'; words: readonly { word: string; about?: string }[] }
  | { what: 'names'; of: readonly NamedKind[] }
  | { what: 'contexts' | 'files' | 'nothing' };

export type NamedKind = 'guests' | 'windows' | 'rotations' | 'jobs' | 'tasks' | 'namespaces' | 'guestPaths';

/** What the arguments of each verb name; the last entry is of all that follow. */
const argumentsOf: Record<string, readonly (readonly NamedKind[])[]> = {
  get: [['guests'], ['guests']],
  exec: [['guests'], []],
  freeze: [['guests'], []],
  thaw: [['guests', 'windows'], []],
  rotate: [['rotations'], []],
  cp: [['guestPaths'], ['guestPaths'], []],
  logs: [['jobs'], []],
  'explain-task': [['tasks'], []],
};

const valuesOf: Record<string, Wanted> = {
  namespace: { what: 'names', of: ['namespaces'] },
  operatorNamespace: { what: 'names', of: ['namespaces'] },
  guest: { what: 'names', of: ['guests'] },
  context: { what: 'contexts' },
  kubeconfig: { what: 'files' },
  script: { what: 'files' },
};

/** What is to be completed; the last of `words` is the one that is being typed, and may be empty. */
export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const [name, ...rest] = before;
  const shown = program.commands.filter((command) => !command.name().startsWith('_'));
  if (name === undefined) {
    return { what: 'words', words: shown.map((command) => ({ word: command.name(), about: command.description() })) };
  }
  const verb = shown.find((command) => command.name() === name);
  if (!verb) return { what: 'nothing' };
  // A local command's own arguments.
  if (rest.includes('--')) return { what: name === 'freeze' ? 'files' : 'nothing' };
  const asking = takingValue(verb, rest.at(-1));
  if (asking) return valuesOfOption(asking);
  if (typed.startsWith('-')) return { what: 'words', words: verb.options.map(flagOf) };
  return argumentAt(verb, positionals(verb, rest));
}

function argumentAt(verb: Command, given: number): Wanted {
  const [choices] = verb.registeredArguments.map(({ argChoices }) => argChoices);
  if (choices && given === 0) return { what: 'words', words: choices.map((word) => ({ word })) };
  const kinds = argumentsOf[verb.name()];
  const of = kinds?.[given] ?? kinds?.at(-1) ?? [];
  return of.length > 0 ? { what: 'names', of } : { what: 'nothing' };
}

function takingValue(verb: Command, word: string | undefined): Option | undefined {
  return verb.options.find(
    ({ short, long, required }) => required && word !== undefined && (word === short || word === long),
  );
}

function valuesOfOption(option: Option): Wanted {
  if (option.argChoices) return { what: 'words', words: option.argChoices.map((word) => ({ word })) };
  return valuesOf[option.attributeName()] ?? { what: 'nothing' };
}

function flagOf({ long, short, description }: Option): { word: string; about: string } {
  return { word: long ?? short ?? '', about: description };
}

function positionals(verb: Command, rest: readonly string[]): number {
  return rest.filter((word, n) => !word.startsWith('-') && !takingValue(verb, rest[n - 1])).length;
}

/** The value that an option has among the words, as `-n team-a` or `--namespace=team-a`. */
export function valueOfFlag(words: readonly string[], ...flags: string[]): string | undefined {
  for (const [n, word] of words.slice(0, -1).entries()) {
    if (flags.includes(word)) return words[n + 1];
    const [flag, value] = word.split(/=(.*)/s);
    if (value !== undefined && flags.includes(flag ?? '')) return value;
  }
  return undefined;
}
