import type { Exec } from '../api/schema/exec.ts';
import { bytesOf, guestExec, guestExecStatus } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';
import { parseSpoolReport, type SpoolReport } from './spool-report.ts';
import { type SpoolRequest, spoolScript } from './spool-script.ts';

export interface ExecRun {
  /** The task's UID: names the run in the guest. */
  id: string;
  exec: Exec;
  /**
   * Whether an earlier process may have sent the launcher, and in which boot of the guest. Undefined: nothing was ever
   * sent. `bootId` undefined: sent, the boot isn't known.
   */
  sentBefore?: { bootId?: string | undefined } | undefined;
  /** The guest's boot id now, where it is known: lets a lost answer be cleared up without a doubt. */
  bootId?: string | undefined;
  /** Earlier runs whose files may be removed in passing. */
  drop?: readonly string[];
}

export type ExecEnd =
  | { kind: 'ended'; report: Extract<SpoolReport, { state: 'done' }> }
  /** Nobody can say how it ended, or whether it ran. */
  | { kind: 'unknown'; reason: 'GuestRebooted' | 'GuestStopped' | 'LauncherLost' | 'OutcomeUnknown'; message: string }
  /** Nothing was started, and nothing will be by this run. */
  | { kind: 'notStarted'; error: AgentError }
  | { kind: 'noSpool' };

const firstPollMs = 12;
const pollGrowth = 1.6;
const longestPollMs = 1000;
const firstLookMs = 200;
const longestLookMs = 10_000;
/** A frozen guest refuses for ten minutes at most; what refuses for longer was switched off. */
const longestRefusalMs = 15 * 60_000;

/**
 * Starts a command in a guest at most once and waits for its end, through lost answers, restarts of the guest's agent
 * and earlier lives of this process. Rejects with the signal's reason, or with libvirt's error when it can't be asked
 * whether the guest is off; then nothing is decided, and the run is to be looked for again (`sentBefore`).
 */
export async function runExec(agent: GuestAgent, run: ExecRun, clock: Clock, signal: AbortSignal): Promise<ExecEnd> {
  let bootId = run.sentBefore ? run.sentBefore.bootId : run.bootId;
  let start: SpoolRequest['start'] = run.sentBefore ? onlyIfBootIs(bootId) : 'always';
  let refusedSince: number | undefined;
  for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 2, longestLookMs)) {
    try {
      const report = await launch(agent, { ...run, start }, clock, signal);
      const end = endOf(report, bootId);
      if (end) return end;
      start = 'never';
      refusedSince = undefined;
      if (report.state === 'running') bootId = report.bootId;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (start === 'always' && error.outcome !== 'Unknown') return { kind: 'notStarted', error };
      // From here on the command may have started: only a look at the spool can tell.
      if (start === 'always') start = onlyIfBootIs(bootId);
      refusedSince = error.outcome === 'Refused' ? (refusedSince ?? clock.monotonic()) : undefined;
      const end = await endWithoutALook(agent, error, signal);
      if (end) return end;
      if (refusedSince !== undefined && clock.monotonic() - refusedSince > longestRefusalMs) {
        return unknown(
          'OutcomeUnknown',
          `the guest's agent no longer lets anybody look how it ended: ${error.message}`,
        );
      }
    }
    await clock.sleep(lookMs, signal);
  }
}

/** The end of a run whose guest is no more, and with it all that could be looked at. */
async function endWithoutALook(
  agent: GuestAgent,
  error: AgentError,
  signal: AbortSignal,
): Promise<ExecEnd | undefined> {
  const gone = error.code === 'NoDomain' || error.code === 'NoChannel';
  if (!gone && !(error.code === 'NotRunning' && (await agent.isOff(signal)))) return undefined;
  const message =
    'the guest was shut off, or its domain removed, before the end of the command was known: it may have run';
  return unknown('GuestStopped', message);
}

function unknown(reason: Extract<ExecEnd, { kind: 'unknown' }>['reason'], message: string): ExecEnd {
  return { kind: 'unknown', reason, message };
}

function onlyIfBootIs(bootId: string | undefined): SpoolRequest['start'] {
  return bootId === undefined ? 'never' : { ifBootIdIs: bootId };
}

/** Undefined while the command still runs. `sentInBoot` is the guest's boot id when the launcher was sent. */
function endOf(report: SpoolReport, sentInBoot: string | undefined): ExecEnd | undefined {
  switch (report.state) {
    case 'done':
      return { kind: 'ended', report };
    case 'running':
      return undefined;
    case 'nospool':
      return { kind: 'noSpool' };
    case 'lost':
      return unknown(
        'LauncherLost',
        'the command was started, but what waited for it in the guest was killed before it could record the end',
      );
    case 'rebooted':
      return unknown('GuestRebooted', rebooted);
    case 'absent':
      if (sentInBoot !== undefined && sentInBoot !== report.bootId) return unknown('GuestRebooted', rebooted);
      return unknown(
        'OutcomeUnknown',
        'the command was sent, its answer was lost, and the guest keeps no trace of it: it may have run',
      );
  }
}

const rebooted =
  'the guest was started anew after the command had been sent: it may have run, and how it ended is lost';

/** Runs the launcher once and waits for what it reports. */
async function launch(
  agent: GuestAgent,
  request: SpoolRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<SpoolReport> {
  const { pid } = await agent.call(
    guestExec,
    {
      path: '/bin/sh',
      arg: ['-s', request.id],
      'input-data': Buffer.from(spoolScript(request), 'utf8').toString('base64'),
      'capture-output': true,
    },
    { priority: callPriority.action, signal },
  );
  for (let waitMs = firstPollMs; ; waitMs = Math.min(waitMs * pollGrowth, longestPollMs)) {
    await clock.sleep(waitMs, signal);
    const status = await statusOf(agent, pid, signal);
    if (!status.exited) continue;
    const report = parseSpoolReport(bytesOf(status['out-data']), bytesOf(status['err-data']), request.id);
    if (report) return report;
    throw new AgentError('MalformedReply', 'Unknown', true, 'the launcher in the guest ended without its report');
  }
}

/** Any failure here says nothing about the command: it may be running. */
async function statusOf(agent: GuestAgent, pid: number, signal: AbortSignal) {
  try {
    return await agent.call(guestExecStatus, { pid }, { priority: callPriority.status, signal });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new AgentError(error.code, 'Unknown', true, error.message, { cause: error });
  }
}
