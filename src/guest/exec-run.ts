import { endedWithinMs } from '../api/exec-ending.ts';
import { bytesOf, guestExec, guestExecStatus } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { type ExecEnd, endOfReport, unknownEnd } from './exec-end.ts';
import type { Launch } from './exec-launch.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';
import { parseSpoolReport, type SpoolReport } from './spool-report.ts';
import { killScript, lookScript, startScript } from './spool-script.ts';
import { stagedScript } from './staged-script.ts';

export interface ExecRun {
  /** The task's UID: names the run in the guest. */
  id: string;
  launch: Launch;
  /** Something is missing from the launch: what may have been started is found again or ended, and nothing is started. */
  withheld?: boolean;
  /**
   * Whether an earlier process may have sent the launcher, and in which boot of the guest. Undefined: nothing was ever
   * sent. `bootId` undefined: sent, the boot isn't known.
   */
  sentBefore?: { bootId?: string | undefined } | undefined;
  /** The boot of the guest in which it is to be started, and no other, where known: clears up a lost answer without a doubt. */
  bootId?: string | undefined;
  /** Earlier runs whose files may be removed in passing. */
  drop?: readonly string[];
  /** Told when they are: the guest has taken the launcher. */
  onDropped?(): void;
  /** Told now and then while the command runs. */
  onProgress?(progress: ExecProgress): void;
}

export type ExecProgress = Extract<SpoolReport, { state: 'running' }>;

export interface ExecSignals {
  /** Ends every wait; what runs in the guest is found again by `sentBefore`. */
  stopped: AbortSignal;
  /** Nobody wants the command any more: it is ended in the guest. */
  withdrawn: AbortSignal;
}

const firstLookMs = 200;
const longestLookMs = 10_000;
/** A frozen guest refuses for ten minutes at most; what refuses for longer was switched off. */
const longestRefusalMs = 15 * 60_000;
/** How a long command fares is asked first after this, then less and less often. */
const firstProgressMs = 2000;
const longestProgressMs = 30_000;
const progressGrowth = 1.5;
const killAgainMs = 3000;

/**
 * Starts a command in a guest at most once and waits for its end, through lost answers, restarts of the guest's agent
 * and earlier lives of this process; ends it when it is withdrawn. Rejects with the reason of `stopped`, or with
 * libvirt's error when it can't be asked whether the guest is off; then nothing is decided, and the run is to be looked
 * for again (`sentBefore`).
 */
export async function runExec(
  agent: GuestAgent,
  run: ExecRun,
  clock: Clock,
  { stopped, withdrawn }: ExecSignals,
): Promise<ExecEnd> {
  const course = new ExecCourse(agent, run, clock);
  try {
    return await course.follow(AbortSignal.any([stopped, withdrawn]));
  } catch (error) {
    if (stopped.aborted || !withdrawn.aborted || error !== withdrawn.reason) throw error;
  }
  return await course.end(stopped);
}

/** One run on its way: what is known of it by now. */
class ExecCourse {
  readonly #agent: GuestAgent;
  readonly #run: ExecRun;
  readonly #clock: Clock;
  #bootId: string | undefined;
  /** Whether the command may have been started. */
  #sent: boolean;
  /** Whether it was seen to be. */
  #claimed = false;
  #refusedSince: number | undefined;

  constructor(agent: GuestAgent, run: ExecRun, clock: Clock) {
    this.#agent = agent;
    this.#run = run;
    this.#clock = clock;
    this.#bootId = run.sentBefore ? run.sentBefore.bootId : run.bootId;
    this.#sent = run.sentBefore !== undefined;
  }

  /** Starts the command where it has not been started, and waits for its end. */
  async follow(signal: AbortSignal): Promise<ExecEnd> {
    const { id, launch, withheld, drop, onDropped } = this.#run;
    let next: 'start' | 'look' = this.#sent ? 'look' : 'start';
    for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 2, longestLookMs)) {
      signal.throwIfAborted();
      if (next === 'start' && withheld) return { kind: 'withheld' };
      const script = next === 'look' ? lookScript(id) : startScript({ id, launch, drop, ifBootIdIs: this.#bootId });
      const wasSent = this.#sent;
      this.#sent = true;
      const report = await this.#send(script, signal, wasSent, next === 'start' ? onDropped : undefined);
      if ('end' in report) return report.end;
      if (report.state !== 'silent') {
        if (!wasSent && report.state === 'absent') return { kind: 'otherBoot', bootId: report.bootId };
        // In the boot in which it was sent, a missing claim proves that nothing was started.
        const untouched =
          next === 'look' && report.state === 'absent' && report.bootId === this.#bootId && !this.#claimed;
        next = untouched ? 'start' : 'look';
        if (untouched) continue;
        const end = endOfReport(report, this.#bootId);
        if (end) return end;
        this.#claimed = true;
        if (report.state === 'running') this.#tellProgress(report);
      } else next = 'look';
      await this.#clock.sleep(lookMs, signal);
    }
  }

  /** Ends the command, or keeps it from ever being started, and waits for that. */
  async end(stopped: AbortSignal): Promise<ExecEnd> {
    if (!this.#sent) return { kind: 'withdrawn' };
    const { id, launch } = this.#run;
    let sentAt: number | undefined;
    let giveUpAt = Number.POSITIVE_INFINITY;
    for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 1.5, 2000)) {
      stopped.throwIfAborted();
      // Looked for most of the time: signals again only where the first ones came too early to meet anybody.
      const now = this.#clock.monotonic();
      const sends = sentAt === undefined || now - sentAt > launch.graceSeconds * 1000 + killAgainMs;
      const script = sends ? killScript(id, launch.graceSeconds) : lookScript(id);
      const report = await this.#send(script, stopped, true);
      if ('end' in report) return report.end;
      if (report.state !== 'silent') {
        // A guest may take its time: what it says now it may have been told long ago.
        const heardAt = this.#clock.monotonic();
        if (sends) sentAt = heardAt;
        if (giveUpAt === Number.POSITIVE_INFINITY) giveUpAt = heardAt + endedWithinMs(launch.graceSeconds);
        const end = endOfReport(report, this.#bootId);
        if (end) return end;
        if (report.state === 'running' && heardAt > giveUpAt) {
          return unknownEnd(
            'NotKilled',
            'the command did not end though it was killed: it hangs in the guest’s kernel',
          );
        }
      }
      await this.#clock.sleep(lookMs, stopped);
    }
  }

  /** What a script of the spool's tells; `silent` where nothing is known by it; an end where it can't be looked any more. */
  async #send(
    script: string,
    signal: AbortSignal,
    wasSent: boolean,
    onTaken?: () => void,
  ): Promise<SpoolReport | { state: 'silent' } | { end: ExecEnd }> {
    try {
      const report = await this.#launch(script, signal, onTaken);
      this.#refusedSince = undefined;
      return report;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (!wasSent && error.outcome !== 'Unknown') {
        this.#sent = false;
        return { end: { kind: 'notStarted', error } };
      }
      // From here on the command may have started: only a look at the spool can tell.
      const refused = error.outcome === 'Refused';
      this.#refusedSince = refused ? (this.#refusedSince ?? this.#clock.monotonic()) : undefined;
      const end = (await this.#endWithoutALook(error, signal)) ?? this.#endOfPatience(error);
      return end ? { end } : { state: 'silent' };
    }
  }

  /** Runs a script of the spool's once and waits for what it reports. */
  async #launch(script: string, signal: AbortSignal, onTaken?: () => void): Promise<SpoolReport> {
    const { id } = this.#run;
    const { pid } = await this.#start(script, signal);
    onTaken?.();
    const startedAt = this.#clock.monotonic();
    const pace = this.#agent.pace.begin(startedAt);
    let progressMs = firstProgressMs;
    let progressAt = startedAt + progressMs;
    for (;;) {
      await this.#clock.sleep(pace.nextWaitMs(), signal);
      const askedAt = this.#clock.monotonic();
      const status = await this.#statusOf(pid, signal);
      if (!status.exited) {
        if (askedAt < progressAt) continue;
        const report = await this.#look(signal);
        if (report.state === 'done') return report;
        if (report.state === 'running') this.#tellProgress(report);
        progressMs = Math.min(progressMs * progressGrowth, longestProgressMs);
        progressAt = this.#clock.monotonic() + progressMs;
        continue;
      }
      pace.ended(askedAt - startedAt);
      const report = parseSpoolReport(bytesOf(status['out-data']), bytesOf(status['err-data']), id);
      if (report) return report;
      throw new AgentError('MalformedReply', 'Unknown', true, 'the launcher in the guest ended without its report');
    }
  }

  /** How the command fares beside what waits for it in the guest: a child of it may hold its streams open (C9). */
  async #look(signal: AbortSignal): Promise<SpoolReport> {
    const { pid } = await sayingNothing(this.#start(lookScript(this.#run.id), signal));
    for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 1000)) {
      await this.#clock.sleep(waitMs, signal);
      const status = await this.#statusOf(pid, signal);
      if (!status.exited) continue;
      const report = parseSpoolReport(bytesOf(status['out-data']), bytesOf(status['err-data']), this.#run.id);
      if (report) return report;
      throw new AgentError('MalformedReply', 'Unknown', true, 'a look at the spool ended without its report');
    }
  }

  async #start(script: string, signal: AbortSignal): Promise<{ pid: number }> {
    const input = await stagedScript(this.#agent, this.#run.id, script, { clock: this.#clock, signal });
    return await this.#agent.call(
      guestExec,
      {
        path: '/bin/sh',
        arg: ['-s', this.#run.id],
        'input-data': Buffer.from(input, 'utf8').toString('base64'),
        'capture-output': true,
      },
      { priority: callPriority.action, signal },
    );
  }

  async #statusOf(pid: number, signal: AbortSignal) {
    return await sayingNothing(this.#agent.call(guestExecStatus, { pid }, { priority: callPriority.status, signal }));
  }

  #tellProgress(report: ExecProgress): void {
    this.#bootId = report.bootId;
    this.#claimed = true;
    this.#run.onProgress?.(report);
  }

  /** The end of a run whose guest is no more, and with it all that could be looked at. */
  async #endWithoutALook(error: AgentError, signal: AbortSignal): Promise<ExecEnd | undefined> {
    if (!(await this.#agent.isGone(error, signal))) return undefined;
    const message =
      'the guest was shut off, or its domain removed, before the end of the command was known: it may have run';
    return unknownEnd('GuestStopped', message);
  }

  #endOfPatience(error: AgentError): ExecEnd | undefined {
    if (this.#refusedSince === undefined) return undefined;
    if (this.#clock.monotonic() - this.#refusedSince <= longestRefusalMs) return undefined;
    const message = `the guest's agent no longer lets anybody look how it ended: ${error.message}`;
    return unknownEnd('OutcomeUnknown', message);
  }
}

/** What fails after the launcher was sent says nothing about the command, be it itself not sent: it may be running. */
async function sayingNothing<R>(call: Promise<R>): Promise<R> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new AgentError(error.code, 'Unknown', true, error.message, { cause: error });
  }
}
