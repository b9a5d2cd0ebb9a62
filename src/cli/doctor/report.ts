import type { Paint, Style } from '../print/paint.ts';
import { harmless } from '../print/table.ts';
import { type Finding, topics } from './finding.ts';

const marks: Record<Finding['level'], { mark: string; style: Style }> = {
  ok: { mark: '✓', style: 'green' },
  note: { mark: '-', style: 'dim' },
  warning: { mark: '!', style: 'yellow' },
  wrong: { mark: '✗', style: 'red' },
};

/** So many findings of one topic are shown. */
const mostShown = 40;

/** Findings as a person reads them, what is wrong first in each topic. */
export function reportLines(findings: readonly Finding[], paint: Paint): string[] {
  const lines: string[] = [];
  for (const topic of topics) {
    const about = findings.filter((finding) => finding.topic === topic).toSorted((a, b) => rank(a) - rank(b));
    if (about.length === 0) continue;
    lines.push(paint('bold', topic));
    for (const { level, what, todo } of about.slice(0, mostShown)) {
      const { mark, style } = marks[level];
      lines.push(`  ${paint(style, mark)} ${harmless(what)}`);
      if (todo) lines.push(`      ${paint('dim', '→')} ${harmless(todo)}`);
    }
    if (about.length > mostShown) lines.push(`  and ${about.length - mostShown} more: kubectl qga doctor -o json`);
  }
  const wrong = findings.filter(({ level }) => level === 'wrong').length;
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  lines.push('', verdict(wrong, warnings, paint));
  return lines;
}

function verdict(wrong: number, warnings: number, paint: Paint): string {
  const more = warnings > 0 ? `, ${count(warnings, 'warning')}` : '';
  if (wrong === 0) return `${paint('green', 'Nothing is wrong')}${more}.`;
  return `${paint('red', `${count(wrong, 'thing')} ${wrong === 1 ? 'is' : 'are'} wrong`)}${more}.`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function rank({ level }: Finding): number {
  return ['ok', 'wrong', 'warning', 'note'].indexOf(level);
}
