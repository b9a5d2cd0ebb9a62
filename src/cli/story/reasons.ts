/** What a reason means, and what a person does about it: a row of a table of docs/reasons.md. */
export interface Advice {
  /** The heading of its section. */
  section: string;
  means: string;
  todo: string;
}

export type Reasons = ReadonlyMap<string, readonly Advice[]>;

/** Reads the tables of docs/reasons.md: the one place where reasons are explained. */
export function parseReasons(page: string): Reasons {
  const reasons = new Map<string, Advice[]>();
  let section = '';
  let before: Advice | undefined;
  for (const line of page.split('\n')) {
    const [, heading] = /^## (.+)$/.exec(line) ?? [];
    if (heading !== undefined) section = plainText(heading);
    const [names, means, todo] = cellsOf(line);
    if (names === undefined || means === undefined || todo === undefined) {
      before = undefined;
      continue;
    }
    const asAbove = /^(?:as above|the same)\b/.test(todo) && before;
    const advice = { section, means: plainText(means), todo: asAbove ? (before?.todo ?? '') : plainText(todo) };
    for (const [, name = ''] of names.matchAll(/`([A-Za-z]+)`/g)) {
      reasons.set(name, [...(reasons.get(name) ?? []), advice]);
    }
    before = advice;
  }
  return reasons;
}

/** The three cells of a row that explains reasons. */
function cellsOf(line: string): string[] {
  const cells = line.split('|').map((cell) => cell.trim());
  return cells.length === 5 && cells[1]?.startsWith('`') ? cells.slice(1, 4) : [];
}

/** Without what Markdown is written in. */
function plainText(markdown: string): string {
  return markdown
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll('**', '');
}
