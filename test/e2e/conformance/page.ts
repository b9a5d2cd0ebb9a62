import { allCommands } from '../../../src/qga/commands.ts';
import type { Trial } from './trial.ts';

/** Of one flavour of guest. */
export interface Column {
  flavour: string;
  /** Its agent's. */
  version: string;
  trials: readonly Trial[];
}

/** Up to here a command is of the protocol reference of QEMU 2.11. */
export function isOfTheReference(since: string): boolean {
  const [major = 0, minor = 0] = since.split('.').map(Number);
  return major < 2 || (major === 2 && minor <= 11);
}

/** docs/conformance.md. */
export function conformancePage(columns: readonly Column[]): string {
  const reference = [...allCommands.values()].filter(({ since }) => isOfTheReference(since));
  return `# Conformance

Which commands of the guest agent work, as seen on real guests: each was sent by a \`GuestTask\` through manager, agent,
libvirt and QEMU to the agent of the guest. \`make conformance\` writes this page anew, and the tests hold it against what
they see. ${reference.length} commands are of the protocol reference of QEMU 2.11, the others are newer.

- **works**: carried out, and where an answer doesn't tell, its effect was seen.
- **refused**: this agent knows the command, and had a reason of its own; it is told below.
- **no effect**: this agent took the command, and its guest went on as if it had not been asked: the small guest has no room
  to be suspended to.
- **not offered**: this agent doesn't know the command.

Freezes are sent by action \`freeze\`, for action \`command\` refuses them: a freeze needs somebody who thaws it.
guest-set-user-password takes its arguments from a Secret. guest-sync-delimited is answered by guest-sync.

${overview(columns)}
${columns.map(details).join('\n')}`;
}

function overview(columns: readonly Column[]): string {
  const rows = [...allCommands.values()].map(({ name, since }) => [
    name,
    since,
    ...columns.map(({ trials }) => trialOf(trials, name).verdict),
  ]);
  return markdownTable(['command', 'since', ...columns.map(({ flavour }) => flavour)], rows);
}

function details({ flavour, version, trials }: Column): string {
  const rows = [...allCommands.keys()].map((name) => {
    const { sent, came, verdict } = trialOf(trials, name);
    return [name, code(sent), code(came), verdict];
  });
  return `## ${flavour}: agent ${version}

${markdownTable(['command', 'arguments', 'what came back', 'verdict'], rows)}`;
}

function trialOf(trials: readonly Trial[], name: string): Trial {
  const trial = trials.find(({ command }) => command === name);
  if (!trial) throw new Error(`${name} was not tried`);
  return trial;
}

function code(text: string): string {
  return text && `\`${text.replaceAll('|', '\\|').replaceAll('`', "'").replaceAll(/\s+/g, ' ')}\``;
}

function markdownTable(head: string[], rows: string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

/** What a page says of each command in each guest: what of it does not differ from run to run. */
export function verdictsOf(page: string): string[] {
  return page.split('\n').filter((line) => /^\| guest-\S+ \| \d/.test(line));
}
