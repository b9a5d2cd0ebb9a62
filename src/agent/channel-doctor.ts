import { type Guest, repairAnnotation } from '../api/resources.ts';
import type { ChannelRepair } from '../guest/channel-repair.ts';
import { isRunning } from '../guest/hypervisor.ts';
import type { Logger } from '../observability/log.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import type { GuestRegistry } from './guest-registry.ts';
import type { LiveGuest } from './live-guest.ts';
import { decideRepair } from './repair-decision.ts';

export interface ChannelDoctorOptions {
  repair: ChannelRepair;
  registry: GuestRegistry;
  guestOf(uuid: string): Guest | undefined;
  /** For guests that say nothing of their own. */
  defaultPolicy: 'Auto' | 'Manual';
  clock: Clock;
  logger: Logger;
  /** A channel was mended, or could not be. */
  onTried(uuid: string, succeeded: boolean): void;
  /** What was left unplugged is plugged in. */
  onFinished(uuid: string): void;
}

/** Mends channels that were found broken, where it is allowed and does no harm, and plugs in what was left unplugged. */
export class ChannelDoctor {
  readonly #options: ChannelDoctorOptions;

  constructor(options: ChannelDoctorOptions) {
    this.#options = options;
  }

  async reconcile(uuid: string, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { repair, registry, guestOf, defaultPolicy, clock } = this.#options;
    if (repair.isUnplugged(uuid)) {
      // Once libvirt is there again, all that are unplugged are looked at.
      if (!registry.connected) return {};
      await this.#finish(uuid, signal);
    }
    const live = registry.find(uuid);
    if (!live?.domain || !isRunning(live.domain)) return {};
    const guest = guestOf(uuid);
    const wish = guest?.metadata.annotations?.[repairAnnotation];
    const { channel } = live;
    if (live.health.state === 'answers') channel.inVain = 0;
    const decision = decideRepair({
      broken: live.health.state === 'broken',
      policy: guest?.spec?.channelRepair ?? defaultPolicy,
      asked: wish !== undefined && wish !== (channel.answeredWish ?? guest?.status?.channel?.observedRepair),
      heldUntil: live.heldUntil,
      inVain: channel.inVain,
      lastAt: channel.lastRepair?.at,
      now: clock.monotonic(),
    });
    switch (decision.do) {
      case 'nothing':
        return {};
      case 'wait':
        return { requeueAfterMs: decision.ms };
      case 'replug':
        channel.answeredWish = wish;
        await this.#replug(uuid, live, signal);
        return {};
    }
  }

  /** Ends what an earlier try, or an earlier life of this process, began. */
  async #finish(uuid: string, signal: AbortSignal): Promise<void> {
    const { repair, registry, logger, onFinished } = this.#options;
    await registry.get(uuid).agent.undisturbed(async () => {
      signal.throwIfAborted();
      await repair.finish(uuid);
    });
    logger.info({ domain: uuid }, 'a repair of an agent channel that was broken off has come to its end');
    onFinished(uuid);
  }

  async #replug(uuid: string, live: LiveGuest, signal: AbortSignal): Promise<void> {
    const { repair, registry, clock, logger, onTried } = this.#options;
    const { channel } = live;
    const attempt = { at: clock.monotonic(), time: timestamp(clock.now()) };
    channel.inVain += 1;
    channel.repairs += 1;
    try {
      // A call that meets no channel would take the guest for one that has none.
      await live.agent.undisturbed(async () => {
        // It may have waited for its turn until nobody waits for it any more.
        signal.throwIfAborted();
        await repair.replug(uuid);
      });
      channel.lastRepair = { ...attempt, message: 'it was unplugged and plugged in again' };
      logger.info({ domain: uuid }, 'a broken agent channel was plugged in anew');
      onTried(uuid, true);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      channel.lastRepair = { ...attempt, message: `it could not be mended: ${message}` };
      onTried(uuid, false);
      throw error;
    } finally {
      // Whether it helped, the guest itself must tell.
      live.health = { state: 'unknown' };
      registry.changed(uuid);
    }
  }
}
