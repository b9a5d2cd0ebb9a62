import type { GuestResult } from '../../api/schema/guest-exec-job.ts';
import { lastLines } from '../print/last-lines.ts';
import type { Paint } from '../print/paint.ts';
import { harmless } from '../print/table.ts';
import type { Screen } from './progress.ts';

const mostLines = 10;

/**
 * What a terminal shows while one guest's command is not over: what it waits for, or the last lines that the command is
 * known to have printed by now, its errors below. They are for the eye: the output itself follows at the end.
 */
export function guestProgressLines(result: GuestResult, { columns, rows }: Screen, paint: Paint): string[] {
  const { phase, reason, message, stdout = '', stderr = '' } = result;
  if (phase === 'Pending') return message ? [harmless(`${reason}: ${message}`).slice(0, columns)] : [];
  const room = Math.max(1, Math.min(mostLines, rows - 2));
  const printed = [...lastLines(stdout, room), ...lastLines(stderr, room)].slice(-room);
  return printed.map((line) => paint('dim', line.slice(0, columns)));
}
