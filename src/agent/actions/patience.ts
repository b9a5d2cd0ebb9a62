import type { AgentError } from '../../qga/errors.ts';
import type { ActionRun } from './action.ts';
import { whyRefused } from './refusal.ts';

const firstWaitMs = 200;
const longestWaitMs = 10_000;
/** A frozen guest refuses for ten minutes at most; what refuses for longer was switched off. */
const longestRefusalMs = 15 * 60_000;

export interface PatienceOptions {
  /** What the agent is asked for: it must do no harm to ask again. */
  command: string;
  /** How long a silent guest is waited for; for as long as it is there, where it is missing. */
  longestMs?: number;
}

/** How long it is asked again for what failed: until the guest is gone, lets nobody ask, or nobody waits any longer. */
export class Patience {
  readonly #run: ActionRun;
  readonly #options: PatienceOptions;
  #troubledSince: number | undefined;
  #refusedSince: number | undefined;
  #hadReason = false;
  #waitMs = firstWaitMs;

  constructor(run: ActionRun, options: PatienceOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** It was answered. */
  answered(): void {
    this.#troubledSince = undefined;
    this.#refusedSince = undefined;
    this.#hadReason = false;
    this.#waitMs = firstWaitMs;
  }

  /** Waits, and answers whether to ask again; at once where that is of no use. Rejects with the reason of `stopped`. */
  async bears(error: AgentError): Promise<boolean> {
    const { guest, clock, stopped, withdrawn } = this.#run;
    const now = clock.monotonic();
    this.#troubledSince ??= now;
    this.#refusedSince = error.outcome === 'Refused' ? (this.#refusedSince ?? now) : undefined;
    if (now - this.#troubledSince > (this.#options.longestMs ?? Number.POSITIVE_INFINITY)) return false;
    if (this.#refusedSince !== undefined && now - this.#refusedSince > longestRefusalMs) return false;
    const passes =
      error.outcome === 'Refused'
        ? await this.#refusalPasses()
        : error.retryable && !(await guest.agent.isGone(error, stopped));
    if (!passes || withdrawn.aborted) return false;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(waitMs * 2, longestWaitMs);
    try {
      await clock.sleep(waitMs, AbortSignal.any([stopped, withdrawn]));
    } catch (reason) {
      if (stopped.aborted) throw reason;
      return false;
    }
    return true;
  }

  async #refusalPasses(): Promise<boolean> {
    const { guest, task, stopped } = this.#run;
    const { kind } = await whyRefused(guest.agent, task.spec.guestName, this.#options.command, stopped);
    if (kind === 'frozen' || kind === 'unreachable') return true;
    // It may have been frozen only until now: a reason of its own it has twice.
    const again = kind === 'own' && !this.#hadReason;
    this.#hadReason = true;
    return again;
  }
}
