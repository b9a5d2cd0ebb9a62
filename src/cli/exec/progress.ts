import type { GuestExecJob } from '../../api/resources.ts';
import type { GuestExecJobStatus, GuestResult } from '../../api/schema/guest-exec-job.ts';
import { findCondition } from '../../kube/conditions.ts';
import { elapsed } from '../print/elapsed.ts';
import { lastLines } from '../print/last-lines.ts';
import type { Paint, Style } from '../print/paint.ts';
import { type Cell, harmless, table } from '../print/table.ts';

export interface Screen {
  columns: number;
  rows: number;
}

const styles: Partial<Record<GuestResult['phase'], Style>> = {
  Succeeded: 'green',
  Failed: 'red',
  Unknown: 'red',
  Skipped: 'yellow',
  Running: 'cyan',
  Claimed: 'cyan',
};

/** What a terminal shows while a job goes on: a bar, counters, and the guests that are not done, as many as fit. */
export function progressLines({ status = {} }: GuestExecJob, screen: Screen, now: number, paint: Paint): string[] {
  const { targets = 0 } = status;
  const over = targets - (status.waiting ?? 0) - (status.active ?? 0);
  const line = `${bar(over, targets)} ${over}/${targets} ${counters(status)}`.trimEnd();
  const open = (status.guests ?? []).filter(({ phase }) => phase !== 'Succeeded');
  const room = Math.max(0, screen.rows - 4);
  const shown = open.slice(0, room);
  if (shown.length === 0) return [line.slice(0, screen.columns)];
  const rows = shown.map((guest): Cell[] => [
    guest.name,
    { text: guest.phase, style: styles[guest.phase] },
    guest.startTime ? elapsed((ended(guest) ?? now) - Date.parse(guest.startTime)) : '-',
    guest.message || lastLines(guest.stdout ?? '', 1)[0] || guest.reason || '-',
  ]);
  const more = open.length > shown.length ? [`and ${open.length - shown.length} more`] : [];
  return [
    line.slice(0, screen.columns),
    ...table(['GUEST', 'PHASE', 'TIME', 'WHAT'], rows, paint, screen.columns),
    ...more,
  ];
}

function ended({ completionTime }: GuestResult): number | undefined {
  return completionTime === undefined ? undefined : Date.parse(completionTime);
}

const barWidth = 20;

function bar(done: number, all: number): string {
  const filled = all === 0 ? 0 : Math.floor((done / all) * barWidth);
  return `[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}]`;
}

/** `7 succeeded, 1 failed`, without what is none. */
export function counters(status: GuestExecJobStatus): string {
  const named = [
    [status.succeeded, 'succeeded'],
    [status.failed, 'failed'],
    [status.unknown, 'unknown'],
    [status.ignored, 'ignored'],
    [status.skipped, 'skipped'],
    [status.active, 'running'],
    [status.waiting, 'waiting'],
  ] as const;
  return named
    .filter(([count]) => (count ?? 0) > 0)
    .map(([count, name]) => `${count} ${name}`)
    .join(', ');
}

/** A row for each guest, those that failed first, and the job's own words under them. */
export function summaryLines(job: GuestExecJob, paint: Paint): string[] {
  const { guests: results = [], conditions, targets = 0, phase } = job.status ?? {};
  const rows = results.map((result): Cell[] => [
    result.name,
    { text: result.phase, style: styles[result.phase] },
    result.signal === undefined ? (result.exitCode?.toString() ?? '-') : `signal ${result.signal}`,
    result.startTime && result.completionTime
      ? elapsed(Date.parse(result.completionTime) - Date.parse(result.startTime))
      : '-',
    whatOf(result),
  ]);
  const more = targets > results.length ? [`and ${targets - results.length} more`] : [];
  const end = findCondition(conditions, phase === 'Failed' ? 'Failed' : 'Complete');
  const words = end ? [paint(phase === 'Failed' ? 'red' : 'green', harmless(end.message))] : [];
  return [
    ...(rows.length > 0 ? table(['GUEST', 'RESULT', 'EXIT', 'TIME', 'WHAT'], rows, paint) : []),
    ...more,
    ...words,
  ];
}

function whatOf({ phase, reason, message }: GuestResult): string {
  if (phase === 'Succeeded') return '-';
  if (reason === undefined || reason === 'NonZeroExit') return message ?? reason ?? '-';
  return message ? `${reason}: ${message}` : reason;
}
