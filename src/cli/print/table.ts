import type { Paint, Style } from './paint.ts';

/** A cell of a table, or its text alone. */
export type Cell = string | undefined | { text: string | undefined; style: Style | undefined };

interface ShownCell {
  text: string;
  style?: Style | undefined;
}

const gap = '   ';
/** Of what has no value, as kubectl. */
const nothing = '<none>';

/**
 * Lines of a table as kubectl prints it: upper-case headings, three spaces between columns, nothing behind the last one.
 * Cells are cut where a line would be longer than `width` columns. What they hold may come from a guest: characters that
 * steer a terminal are left out.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const shown = [headings, ...rows].map((row) => row.map(shownCell));
  const widths = headings.map((_, column) => Math.max(...shown.map((row) => row[column]?.text.length ?? 0)));
  return shown.map((row) => line(row, widths, paint, width));
}

function shownCell(cell: Cell): ShownCell {
  if (typeof cell !== 'object') return { text: harmless(cell ?? '') || nothing };
  return { text: harmless(cell.text ?? '') || nothing, style: cell.style };
}

function line(row: readonly ShownCell[], widths: readonly number[], paint: Paint, width: number): string {
  let left = width;
  const parts: string[] = [];
  for (const [column, { text, style }] of row.entries()) {
    const last = column === row.length - 1;
    const padded = last ? text : text.padEnd(widths[column] ?? 0) + gap;
    const fitting = padded.slice(0, Math.max(0, left));
    left -= fitting.length;
    parts.push(style ? paint(style, fitting) : fitting);
  }
  return parts.join('').trimEnd();
}

/** One line, without what would move a cursor or change colours. */
export function harmless(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/\p{Cc}|\p{Cf}/gu, '');
}
