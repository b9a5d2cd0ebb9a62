import { guestFsfreezeStatus } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { FreezeGuard } from './freeze-guard.ts';
import { foldHold } from './freeze-hold.ts';
import { decideHold } from './freeze-step.ts';
import type { FreezesUnderWay } from './freezes-under-way.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';
import type { Hold, HoldEnding, HoldNews } from './hold.ts';
import { type HypervisorEvent, isOff, stoppedDetail } from './hypervisor.ts';

export interface FreezeHolderOptions {
  agent: GuestAgent;
  guard: FreezeGuard;
  hold: Hold;
  /** Milliseconds from now; default at once. */
  freezeInMs?: number | undefined;
  clock: Clock;
  /** Those of the host. */
  underWay: FreezesUnderWay;
  /** Resolves when the journal has it on the disk. */
  save(hold: Hold): Promise<void>;
  /** Something failed that is tried again, or that the hold goes on without. */
  onTrouble(error: unknown, what: string): void;
  /** The process ends and can't wait any longer: what is left to do is in the journal. */
  abandoned: AbortSignal;
}

/** A slow freeze hook, or Windows' shadow copies, take their time (C27). */
const longestFreezeSeconds = 60;
const callSeconds = 5;
const lookEveryMs = 1000;
const firstRetryMs = 200;
const longestRetryMs = 2000;
/** A freeze whose connection broke may still be carried out by a libvirt that hung: it is looked for once more. */
const lateMs = 3000;
const disarmTries = 5;
/** A guest that left is looked for this often, though nobody tells that it is back (C20). */
const findEveryMs = 30_000;

/** Why a call is not sent that still waits for a lane. */
const tooLate = new Error('the guest is to be let go');

/**
 * Holds one guest frozen and lets it go: carries out what `decideHold` says until nothing is left of the freeze.
 *
 * INVARIANTS: the deadline is on the disk before the freeze is sent; a freeze that may have been carried out is thawed;
 * one that somebody else made is not.
 */
export class FreezeHolder {
  /** Thawed at the latest then, on the monotonic clock. */
  readonly deadline: number;
  readonly #options: FreezeHolderOptions;
  readonly #freezeAt: number;
  #hold: Hold;
  #lookAt = 0;
  #tryAt = 0;
  #failures = 0;
  #trouble: string | undefined;
  #wake: AbortController | undefined;
  #saved: Promise<void> = Promise.resolve();
  #done: Promise<Hold> | undefined;
  /** Aborts when the guest is to be let go: a thaw waits for nothing that is not on its way to the guest by then. */
  readonly #over = new AbortController();
  readonly #listeners: ((hold: Hold) => void)[] = [];

  constructor(options: FreezeHolderOptions) {
    const { clock, hold, freezeInMs = 0 } = options;
    this.#options = options;
    this.#hold = hold;
    this.#freezeAt = clock.monotonic() + freezeInMs;
    // The wall clock may have been set meanwhile: never longer than was allowed in all.
    this.deadline = clock.monotonic() + Math.min(hold.deadline - clock.now(), freezeInMs + hold.maxFrozenMs);
  }

  get hold(): Hold {
    return this.#hold;
  }

  /** Resolves when nothing is left of the freeze. Rejects only when the process ends before that. */
  get done(): Promise<Hold> {
    this.#done ??= this.#run();
    return this.#done;
  }

  /** Calls the listener after each change, once it is on the disk and no freeze of the host's is put off by it. */
  onChange(listener: (hold: Hold) => void): void {
    this.#listeners.push(listener);
  }

  /** Lets go: the first that ends it counts. */
  end(ending: HoldEnding): void {
    this.#tell({ kind: 'end', ending });
    if (this.#hold.stage === 'away') this.#tryNow();
  }

  /** The task is another host's: what left for there is no longer looked for here. */
  forsake(): void {
    this.#tell({ kind: 'forsaken' });
    this.#tryNow();
  }

  /** The agent's channel was plugged in anew. */
  replugged(): void {
    this.#tell({ kind: 'replugged' });
    this.#tryNow();
  }

  /** What libvirt tells of this guest, or of its connection. */
  onEvent(event: HypervisorEvent): void {
    if (event.type === 'lifecycle') {
      if (event.event === 'suspended' || event.event === 'pmsuspended') return this.#tell({ kind: 'suspended' });
      if (event.event === 'crashed') return this.#tell({ kind: 'stopped' });
      if (event.event === 'stopped') return this.#onStopped(event.detail);
    }
    if (event.type !== 'disconnected') this.#tryNow();
  }

  #onStopped(detail: number): void {
    if (detail === stoppedDetail.migrated) this.#tell({ kind: 'left', how: 'moved' });
    else if (detail === stoppedDetail.saved) this.#tell({ kind: 'left', how: 'saved' });
    else this.#tell({ kind: 'stopped' });
  }

  async #run(): Promise<Hold> {
    const { clock, abandoned } = this.#options;
    if (this.#hold.stage === 'planned') await this.#plan();
    for (;;) {
      abandoned.throwIfAborted();
      const step = decideHold({
        hold: this.#hold,
        now: clock.monotonic(),
        freezeAt: this.#freezeAt,
        deadline: this.deadline,
        lookAt: this.#lookAt,
        tryAt: this.#tryAt,
      });
      switch (step.do) {
        case 'freeze':
          await this.#freeze();
          break;
        case 'thaw':
          await this.#thaw();
          break;
        case 'look':
          await this.#look();
          break;
        case 'find':
          await this.#find();
          break;
        case 'disarm':
          await this.#disarm();
          break;
        case 'expire':
          this.end({ by: 'Deadline' });
          break;
        case 'wait':
          await this.#wait(step.until - clock.monotonic());
          break;
        case 'stop':
          await this.#saved;
          return this.#hold;
      }
    }
  }

  /** Without the deadline on the disk nothing is frozen. */
  async #plan(): Promise<void> {
    try {
      await this.#options.save(this.#hold);
    } catch (error) {
      this.#options.onTrouble(error, 'the journal could not be written: the guest is not frozen');
      const message = 'the host’s agent can’t write its journal: nothing was frozen';
      this.end({ by: 'FreezeFailed', reason: 'JournalNotWritable', message });
    }
  }

  async #freeze(): Promise<void> {
    const { agent, clock, underWay, abandoned } = this.#options;
    const { mountpoints, maxFrozenMs } = this.#hold;
    this.#hold = foldHold(this.#hold, { kind: 'sent', at: clock.now() });
    const timeoutSeconds = Math.min(longestFreezeSeconds, Math.ceil(maxFrozenMs / 1000));
    const options = { mountpoints, timeoutSeconds, priority: callPriority.status, signal: abandoned };
    try {
      const count = await underWay.send(() => this.#inTime((unlessSent) => agent.freeze({ ...options, unlessSent })));
      this.#lookAt = clock.monotonic() + lookEveryMs;
      this.#tell({ kind: 'frozen', count, at: clock.now() });
    } catch (error) {
      const failure = error === tooLate ? notFrozen() : this.#agentError(error, 'the guest could not be frozen');
      this.#tell({ kind: 'freezeFailed', error: failure });
    }
  }

  async #thaw(): Promise<void> {
    const { agent, clock, abandoned } = this.#options;
    this.#tell({ kind: 'thawSent', at: clock.now() });
    try {
      const count = await agent.thaw({ timeoutSeconds: callSeconds, signal: abandoned });
      this.#recovered();
      this.#tryAt = this.#hold.mayArriveLate ? clock.monotonic() + lateMs : 0;
      this.#tell({ kind: 'thawed', count, at: clock.now() });
    } catch (error) {
      const failure = this.#agentError(error, 'the guest could not be thawed: trying again');
      this.#tell({ kind: 'thawFailed', error: failure });
      this.#tryLater();
      await this.#stoppedPerhaps(failure);
    }
  }

  async #look(): Promise<void> {
    const { agent, clock, abandoned } = this.#options;
    this.#lookAt = clock.monotonic() + lookEveryMs;
    const options = { priority: callPriority.status, timeoutSeconds: callSeconds, signal: abandoned };
    const ask = (unlessSent?: AbortSignal) => agent.call(guestFsfreezeStatus, {}, { ...options, unlessSent });
    try {
      // After a thaw nothing goes on without the answer.
      const status = await (this.#hold.ending ? ask() : this.#inTime(ask));
      this.#recovered();
      this.#tell({ kind: 'status', frozen: status === 'frozen' });
    } catch (error) {
      if (error === tooLate) return this.end({ by: 'Deadline' });
      const failure = this.#agentError(error, 'the guest could not be asked whether it is frozen');
      this.#tell({ kind: 'statusUnknown' });
      this.#tryLater();
      await this.#stoppedPerhaps(failure);
    }
  }

  /** For what is worth sending only until the guest is to be let go. Rejects with `tooLate` when it was not sent by then. */
  async #inTime<R>(send: (unlessSent: AbortSignal) => Promise<R>): Promise<R> {
    const { clock } = this.#options;
    const cancel = clock.after(this.deadline - clock.monotonic(), () => this.#over.abort(tooLate));
    try {
      return await send(this.#over.signal);
    } finally {
      cancel();
    }
  }

  /** Whether a guest that left is back. */
  async #find(): Promise<void> {
    const { agent, clock, abandoned } = this.#options;
    this.#lookAt = clock.monotonic() + findEveryMs;
    try {
      const domain = await agent.domain(abandoned);
      this.#recovered();
      if (domain && !isOff(domain)) this.#tell({ kind: 'back' });
      else this.#tell({ kind: 'notBack', defined: domain !== undefined });
    } catch (error) {
      this.#agentError(error, 'libvirt could not be asked whether a guest that left is back');
    }
  }

  async #disarm(): Promise<void> {
    const { guard, abandoned } = this.#options;
    try {
      const found = await guard.disarm(abandoned);
      this.#tell({ kind: 'disarmed', ...found });
    } catch (error) {
      const failure = this.#agentError(error, 'the guard in the guest could not be disarmed');
      this.#tryLater();
      if (this.#failures >= disarmTries) this.#tell({ kind: 'guardUnreachable' });
      await this.#stoppedPerhaps(failure);
    }
  }

  /** No event tells what happened while libvirt could not be reached (C20). */
  async #stoppedPerhaps({ code }: AgentError): Promise<void> {
    if (code !== 'NoDomain' && code !== 'NotRunning') return;
    try {
      const domain = await this.#options.agent.domain(this.#options.abandoned);
      if (domain === undefined || domain.movedAway) this.#tell({ kind: 'left', how: 'moved' });
      else if (domain.saved) this.#tell({ kind: 'left', how: 'saved' });
      else if (isOff(domain)) this.#tell({ kind: 'stopped' });
      else this.#tell({ kind: 'suspended' });
    } catch (error) {
      this.#options.onTrouble(error, 'libvirt could not be asked about a guest that should be frozen');
    }
  }

  #agentError(error: unknown, what: string): AgentError {
    this.#options.abandoned.throwIfAborted();
    // What fails again and again is told once.
    if (this.#trouble !== what) this.#options.onTrouble(error, what);
    this.#trouble = what;
    if (error instanceof AgentError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new AgentError('HypervisorError', 'Unknown', true, message, { cause: error });
  }

  #tell(news: HoldNews): void {
    const before = this.#hold;
    this.#hold = foldHold(before, news);
    if (this.#hold === before) return;
    if (this.#hold.ending) this.#over.abort(tooLate);
    this.#saved = this.#save(this.#hold);
    this.#wake?.abort();
  }

  async #save(hold: Hold): Promise<void> {
    const { save, underWay, onTrouble } = this.#options;
    try {
      await save(hold);
    } catch (error) {
      onTrouble(error, 'the journal could not be written: the hold goes on without');
    }
    await underWay.calm();
    for (const listener of this.#listeners) listener(this.#hold);
  }

  #recovered(): void {
    this.#failures = 0;
    this.#trouble = undefined;
    this.#tryAt = 0;
  }

  #tryLater(): void {
    const pauseMs = Math.min(firstRetryMs * 2 ** this.#failures++, longestRetryMs);
    this.#tryAt = this.#options.clock.monotonic() + pauseMs;
  }

  #tryNow(): void {
    if (this.#failures > 0) this.#tryAt = 0;
    this.#lookAt = 0;
    this.#wake?.abort();
  }

  async #wait(ms: number): Promise<void> {
    const { clock, abandoned } = this.#options;
    const wake = new AbortController();
    this.#wake = wake;
    try {
      await clock.sleep(Math.max(0, ms), AbortSignal.any([wake.signal, abandoned]));
    } catch (error) {
      if (!wake.signal.aborted) throw error;
    }
  }
}

function notFrozen(): AgentError {
  const message = 'the host was busy with other guests until it was too late to freeze: nothing was frozen';
  return new AgentError('Busy', 'NotSent', true, message);
}
