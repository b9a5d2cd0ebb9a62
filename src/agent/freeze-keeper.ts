import { FreezeGuard } from '../guest/freeze-guard.ts';
import { foldHold } from '../guest/freeze-hold.ts';
import { FreezeHolder } from '../guest/freeze-holder.ts';
import { FreezesUnderWay } from '../guest/freezes-under-way.ts';
import type { Hold } from '../guest/hold.ts';
import type { Hypervisor } from '../guest/hypervisor.ts';
import type { Journal, Sent } from '../guest/journal.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';
import { holdOf } from './freeze-note.ts';
import type { GuestRegistry } from './guest-registry.ts';
import type { LiveGuest } from './live-guest.ts';
import type { TaskOutcome } from './task-decision.ts';

export interface FreezeKeeperOptions {
  registry: GuestRegistry;
  journal: Journal<TaskOutcome>;
  hypervisor: Hypervisor;
  clock: Clock;
  logger: Logger;
  /** A guest's freeze is not what it was; `before` is missing for one that begins. */
  onChange(uuid: string, hold: Hold, before: Hold | undefined): void;
}

/** Of the grace that a process has to end in. */
const graceMs = 3800;

/**
 * Keeps every freeze of this node until nothing is left of it: those of tasks under way, those that an earlier life of
 * this process left in the journal, and those whose task is gone. Needs the journal and the hypervisor only: no API
 * server, no Lease.
 */
export class FreezeKeeper {
  readonly #options: FreezeKeeperOptions;
  readonly #kept = new Map<string, FreezeHolder>();
  readonly #settling = new Map<string, Promise<unknown>>();
  readonly #underWay: FreezesUnderWay;
  readonly #abandon = new AbortController();

  constructor(options: FreezeKeeperOptions) {
    this.#options = options;
    this.#underWay = new FreezesUnderWay(options.clock);
    options.hypervisor.subscribe((event) => {
      if (event.type === 'connected' || event.type === 'disconnected') {
        for (const holder of this.#kept.values()) holder.onEvent(event);
      } else options.registry.get(event.uuid).freeze?.holder.onEvent(event);
    });
  }

  /** The freeze of this task, while something of it is left. */
  find(uid: string): FreezeHolder | undefined {
    return this.#kept.get(uid);
  }

  /** Begins to hold a guest: first on the disk, then in the guest, `inMs` from now. */
  begin(guest: LiveGuest, uid: string, hold: Hold, inMs = 0): FreezeHolder {
    const { bootId } = guest;
    const sent: Sent = { guest: guest.agent.uuid, action: 'freeze', task: hold.task };
    return this.#keep(guest, uid, { ...sent, ...(bootId !== undefined && { bootId }) }, hold, inMs);
  }

  /** Lets go of what the agent of another host may have frozen before the guest moved here. */
  takeOver(guest: LiveGuest, uid: string, sentBefore: Sent, hold: Hold): FreezeHolder {
    return this.#keep(guest, uid, { ...sentBefore, task: hold.task }, hold, 0);
  }

  /**
   * Takes up what the journal says is held, at once, and keeps everything until the signal aborts; then lets go of all
   * that is here, as far as guests answer within the process's grace. What is left is in the journal.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#takeUp();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const message = 'thawed early, because the agent of the host was stopped: what was copied later is not consistent';
    for (const holder of this.#kept.values()) holder.end({ by: 'AgentShutdown', reason: 'AgentShutdown', message });
    const abandon = () => this.#abandon.abort(new Error('the process ends'));
    const cancel = clock.after(graceMs, abandon);
    const here = [...this.#kept].filter(([, { hold }]) => hold.stage !== 'away');
    await Promise.allSettled(here.map(async ([uid]) => await this.#settling.get(uid)));
    cancel();
    abandon();
    await Promise.allSettled(this.#settling.values());
  }

  #takeUp(): void {
    const { journal, registry, clock, logger } = this.#options;
    for (const uid of journal.tasks()) {
      const entry = journal.get(uid);
      const hold = entry?.state === 'sending' ? holdOf(entry) : undefined;
      if (entry?.state !== 'sending' || !hold || hold.stage === 'over') continue;
      logger.warn(
        { task: hold.task, stage: hold.stage },
        'an earlier life of this process left a guest frozen, perhaps',
      );
      this.#keep(registry.get(entry.guest), uid, entry, foldHold(hold, { kind: 'restarted', at: clock.now() }), 0);
    }
  }

  #keep(guest: LiveGuest, uid: string, sent: Sent, first: Hold, freezeInMs: number): FreezeHolder {
    const { journal, clock, logger, onChange } = this.#options;
    const { uuid } = guest.agent;
    let shown: Hold | undefined;
    const holder = new FreezeHolder({
      agent: guest.agent,
      guard: new FreezeGuard(guest.agent, uid, clock),
      hold: first,
      freezeInMs,
      clock,
      underWay: this.#underWay,
      save: (hold) => journal.record(uid, { state: 'sending', ...sent, note: hold }),
      onTrouble: (error, what) => logger.warn({ err: error, task: first.task }, what),
      abandoned: this.#abandon.signal,
    });
    holder.onChange((hold) => {
      onChange(uuid, hold, shown);
      shown = hold;
    });
    guest.freeze = { uid, holder };
    this.#kept.set(uid, holder);
    const settled = holder.done
      .catch((error: unknown) => logger.error({ err: error, task: first.task }, 'a freeze is left to the next process'))
      .finally(() => {
        if (this.#kept.get(uid) === holder) this.#kept.delete(uid);
        if (this.#settling.get(uid) === settled) this.#settling.delete(uid);
        if (guest.freeze?.holder === holder) guest.freeze = undefined;
        onChange(uuid, holder.hold, shown);
      });
    this.#settling.set(uid, settled);
    return holder;
  }
}
