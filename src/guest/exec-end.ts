import type { AgentError } from '../qga/errors.ts';
import type { SpoolReport } from './spool-report.ts';

type UnknownReason = 'GuestRebooted' | 'GuestStopped' | 'LauncherLost' | 'OutcomeUnknown' | 'NotKilled';

/** How a run came to its end. */
export type ExecEnd =
  | { kind: 'ended'; report: Extract<SpoolReport, { state: 'done' }> }
  /** Nobody can say how it ended, or whether it ran. */
  | { kind: 'unknown'; reason: UnknownReason; message: string }
  /** Nothing was started, and nothing will be by this run. */
  | { kind: 'notStarted'; error: AgentError }
  /** Nothing was started: the guest is in another boot than the one in which it was to be. */
  | { kind: 'otherBoot'; bootId: string }
  /** Nothing was started, and nothing could be: what the command takes was not to be had. */
  | { kind: 'withheld' }
  /** It was withdrawn before it was started, and never will be. */
  | { kind: 'withdrawn' }
  | { kind: 'noSpool' };

type OwnEnd =
  | Extract<ExecEnd, { kind: 'noSpool' }>
  | (Extract<ExecEnd, { kind: 'ended' }> & { report: { killed: false } });

/** Whether the command came to this end by itself, wanted or not. */
export function isOwnEnd(end: ExecEnd): end is OwnEnd {
  return end.kind === 'noSpool' || (end.kind === 'ended' && !end.report.killed);
}

export function unknownEnd(reason: UnknownReason, message: string): ExecEnd {
  return { kind: 'unknown', reason, message };
}

/** Undefined while the command still runs. `sentInBoot` is the guest's boot id when the launcher was sent. */
export function endOfReport(report: SpoolReport, sentInBoot: string | undefined): ExecEnd | undefined {
  switch (report.state) {
    case 'done':
      return { kind: 'ended', report };
    case 'running':
    case 'taken':
      return undefined;
    case 'withdrawn':
      // Another boot's spool is gone, and with it the proof that nothing was started.
      if (sentInBoot === report.bootId) return { kind: 'withdrawn' };
      return sentInBoot === undefined
        ? unknownEnd(
            'OutcomeUnknown',
            'the command was sent, its answer was lost, and then it was withdrawn: it may have run',
          )
        : unknownEnd('GuestRebooted', rebooted);
    case 'nospool':
      return { kind: 'noSpool' };
    case 'lost':
      return unknownEnd(
        'LauncherLost',
        'the command was started, but what waited for it in the guest was killed before it could record the end',
      );
    case 'rebooted':
      return unknownEnd('GuestRebooted', rebooted);
    case 'absent':
      if (sentInBoot !== undefined && sentInBoot !== report.bootId) return unknownEnd('GuestRebooted', rebooted);
      return unknownEnd(
        'OutcomeUnknown',
        'the command was sent, its answer was lost, and the guest keeps no trace of it: it may have run',
      );
  }
}

const rebooted =
  'the guest was started anew after the command had been sent: it may have run, and how it ended is lost';
