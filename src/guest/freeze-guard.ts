import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { armScript, disarmScript } from './freeze-guard-script.ts';
import type { GuestAgent } from './guest-agent.ts';
import { runScript } from './run-script.ts';

/** How long after the deadline the guard in the guest thaws what nobody else has thawed. */
export const guardGraceMs = 5000;

export interface GuardSettings {
  /** In milliseconds from now. */
  firesInMs: number;
  /** What it thaws; everything where it is missing. */
  mountpoints?: readonly string[] | undefined;
}

/**
 * The watchdog in a guest that thaws its filesystems though everything on the host is dead (C42). `id` names it: the
 * task's UID. Calls throw an AgentError, or the signal's reason.
 */
export class FreezeGuard {
  readonly #agent: GuestAgent;
  readonly #id: string;
  readonly #clock: Clock;

  constructor(agent: GuestAgent, id: string, clock: Clock) {
    this.#agent = agent;
    this.#id = id;
    this.#clock = clock;
  }

  /** Starts it, in place of one that was armed before. False where the guest has no means for one. */
  async arm({ firesInMs, mountpoints }: GuardSettings, signal: AbortSignal): Promise<boolean> {
    const seconds = Math.ceil(firesInMs / 1000);
    const script = armScript({ id: this.#id, nonce: String(this.#clock.now()), seconds, mountpoints });
    try {
      return (await this.#run(script, signal)).trim() === 'armed';
    } catch (error) {
      if (error instanceof AgentError && error.outcome === 'Refused') return false;
      throw error;
    }
  }

  /** Ends it; whether it has thawed anything, and the guest's boot. May be asked again. */
  async disarm(signal: AbortSignal): Promise<{ guardFired: boolean; bootId: string | undefined }> {
    const answer = await this.#run(disarmScript(this.#id), signal);
    const [state, bootId] = answer.trim().split(' ');
    if (state !== 'fired' && state !== 'quiet') {
      throw new AgentError('MalformedReply', 'Unknown', true, 'the script that disarms the guard did not report');
    }
    return { guardFired: state === 'fired', bootId };
  }

  async #run(script: string, signal: AbortSignal): Promise<string> {
    return await runScript(this.#agent, script, { clock: this.#clock, signal });
  }
}
