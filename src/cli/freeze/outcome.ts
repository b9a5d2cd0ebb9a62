import type { FsFreezeWindow } from '../../api/resources.ts';
import type { FsFreezeWindowStatus } from '../../api/schema/fs-freeze-window.ts';
import { findCondition } from '../../kube/conditions.ts';
import { exitCodeOfSignal, exitCodes } from '../exit-codes.ts';
import type { Paint, Style } from '../print/paint.ts';
import { type Cell, harmless, table } from '../print/table.ts';

/** How the local command ended; undefined where there was none, or where it was never run. */
export interface CommandEnd {
  exitCode: number | undefined;
  signal: NodeJS.Signals | undefined;
}

export interface FreezeStory {
  /** As it was last seen; undefined when it is gone. */
  window: FsFreezeWindow | undefined;
  /** Whether it was us who let the guests go, after the command had ended. */
  releasedByUs: boolean;
  command: CommandEnd | undefined;
  /** A command was asked for. */
  hasCommand: boolean;
  /** What made this program end before the command did. */
  interruptedBy: NodeJS.Signals | undefined;
}

/** Whether all guests were frozen at some time. */
export function wasFrozen({ status }: FsFreezeWindow): boolean {
  return status?.frozenAt !== undefined;
}

/** Nothing more is to come that a person waits for: all are frozen, or they won't be. */
export function isDecided(window: FsFreezeWindow): boolean {
  return window.status?.phase === 'Frozen' || isBroken(window);
}

/** Not all are frozen any more. Where each is on its own the others may still be held, until they are let go. */
export function isBroken({ status }: FsFreezeWindow): boolean {
  return status?.failureReason !== undefined || isEnding({ status });
}

/** The guests are being let go, or have been: nothing holds any of them. */
export function isEnding({ status }: { status?: FsFreezeWindowStatus | undefined }): boolean {
  return status?.endedBy !== undefined || status?.completionTime !== undefined;
}

export function isOver({ status }: FsFreezeWindow): boolean {
  return status?.completionTime !== undefined;
}

/**
 * Whether what was copied during the freeze is consistent: the window says so, and the freeze lasted until the command
 * was done. Without a command it lasts as long as it lasts.
 */
export function isConsistent({ window, releasedByUs, command, hasCommand }: FreezeStory): boolean {
  const { phase, verdict } = window?.status ?? {};
  if (phase !== 'Completed' || verdict !== 'Consistent') return false;
  return !hasCommand || (command !== undefined && releasedByUs);
}

/** What `freeze` ends with. */
export function exitCodeOfFreeze(story: FreezeStory): number {
  const { window, command, hasCommand, interruptedBy } = story;
  // Without a command Ctrl-C is how a person says that the time is up.
  if (interruptedBy !== undefined && (hasCommand || !window || !wasFrozen(window))) {
    return exitCodeOfSignal(interruptedBy);
  }
  if (!window || !wasFrozen(window)) return exitCodes.failed;
  if (command?.signal !== undefined) return exitCodeOfSignal(command.signal);
  if (command?.exitCode !== undefined && command.exitCode !== 0) return command.exitCode;
  return isConsistent(story) ? exitCodes.ok : exitCodes.notConsistent;
}

const verdictStyles: Record<string, Style> = {
  Consistent: 'green',
  ConsistencyLost: 'red',
  CrashConsistent: 'yellow',
  Skipped: 'yellow',
};

/** The verdict on each guest, and on all of them under it. */
export function verdictLines(story: FreezeStory, paint: Paint): string[] {
  const { window } = story;
  if (!window) return [paint('red', 'The window was deleted: nobody can say what the copy is worth.')];
  const { guests = [], targets = 0 } = window.status ?? {};
  const rows = guests.map((guest): Cell[] => [
    guest.name,
    { text: guest.verdict ?? guest.phase, style: verdictStyles[guest.verdict ?? ''] },
    guest.filesystems ? `${guest.filesystems.frozen ?? 0}/${guest.filesystems.expected ?? '?'}` : '-',
    spanOf(guest.frozenAt, guest.thawRequestedAt ?? guest.thawedAt),
    guest.endedBy ?? '-',
    guest.phase === 'Succeeded' ? '-' : (guest.message ?? guest.reason ?? '-'),
  ]);
  const headings = ['GUEST', 'VERDICT', 'FILESYSTEMS', 'FROZEN', 'ENDED-BY', 'WHAT'];
  const more = targets > guests.length ? [`and ${targets - guests.length} more`] : [];
  return [...(rows.length > 0 ? table(headings, rows, paint) : []), ...more, lastWord(story, paint)];
}

function lastWord(story: FreezeStory, paint: Paint): string {
  const { window, hasCommand } = story;
  const { status = {} } = window ?? {};
  const words = harmless(findCondition(status.conditions, 'Completed')?.message ?? '');
  if (status.completionTime === undefined) {
    return paint('red', `The window is not over: ${words || 'its guests are still being let go'}.`);
  }
  if (isConsistent(story)) return paint('green', words || 'Consistent');
  if (hasCommand && status.phase === 'Completed' && status.verdict === 'Consistent') {
    return paint('red', `Not consistent: the freeze ended before the command did: ${howItEnded(status)}`);
  }
  const why = [status.failureReason, words].filter(Boolean).join(': ');
  return paint('red', `${window && wasFrozen(window) ? 'Not consistent' : 'Not frozen'}: ${why}`);
}

function howItEnded({ endedBy }: FsFreezeWindowStatus): string {
  if (endedBy === 'Deadline') return 'its time was up, raise --for';
  return endedBy === 'Release' ? 'somebody else released it' : `${endedBy}`;
}

function spanOf(from: string | undefined, to: string | undefined): string {
  if (from === undefined) return '-';
  if (to === undefined) return '?';
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)}s`;
}

/** Where a window stands before it is decided, in a line. */
export function waitingLine(status: FsFreezeWindowStatus | undefined): string {
  const { phase = 'Pending', conditions } = status ?? {};
  const message = harmless(findCondition(conditions, 'Frozen')?.message ?? '');
  return message ? `${phase}: ${message}` : phase;
}
