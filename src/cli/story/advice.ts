import type { GuestTask } from '../../api/resources.ts';
import type { Advice, Reasons } from './reasons.ts';

/** How the headings of docs/reasons.md begin. */
export const sections = {
  pending: 'It has not started yet',
  failed: 'It failed',
  freeze: 'A freeze that failed',
  unknown: 'Nobody knows',
  rotation: 'Of a PasswordRotation',
  window: 'Freeze windows',
} as const;

/** What the reason of a task means; the same word may mean another thing of another action. */
export function adviceFor(task: GuestTask, reasons: Reasons): Advice | undefined {
  const { reason } = task.status ?? {};
  const all = reasons.get(reason ?? '') ?? [];
  for (const wanted of wantedSections(task)) {
    const found = all.find(({ section }) => section.startsWith(wanted));
    if (found) return found;
  }
  return all[0];
}

function wantedSections({ spec, status }: GuestTask): string[] {
  const phase = status?.phase ?? 'Pending';
  const { freeze, setPassword, verifyPassword } = spec.action;
  if (phase === 'Pending') return [sections.pending];
  if (phase === 'Unknown') return [sections.unknown, sections.failed];
  if (freeze) return [sections.freeze, sections.window, sections.failed];
  if (setPassword || verifyPassword) return [sections.rotation, sections.failed];
  return [sections.failed, sections.freeze];
}
