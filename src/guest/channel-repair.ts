import { LibvirtError, virErrorNumber } from '../libvirt/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { Journal } from './journal.ts';

/** Where the node's disk keeps a channel that is unplugged. */
type RepairJournal = Pick<Journal<never>, 'get' | 'record' | 'forget' | 'tasks'>;

/** Names the journal's entry of a repair; a task's entry is named by a UUID alone. */
const entryPrefix = 'channel/';
const unpluggedWithinMs = 15_000;
const pollMs = 100;

/** The channel did not go though libvirt was asked to unplug it: nothing has changed. */
export class ChannelNotUnpluggedError extends Error {
  override readonly name = 'ChannelNotUnpluggedError';
}

export interface ChannelRepairOptions {
  hypervisor: Hypervisor;
  journal: RepairJournal;
  clock: Clock;
}

/**
 * Heals a poisoned channel (C2, C34) from the host: unplugs the guest agent's channel and plugs it in again, which
 * restarts the agent in the guest (C35). The agent thaws what it had frozen as it ends, so this is never done in the
 * middle of a window that is still good.
 *
 * What is unplugged stands in the journal until it is plugged in again: no death leaves a guest without its channel.
 */
export class ChannelRepair {
  readonly #options: ChannelRepairOptions;

  constructor(options: ChannelRepairOptions) {
    this.#options = options;
  }

  /** Resolves when the channel is plugged in again. Rejects with libvirt's error, or a ChannelNotUnpluggedError. */
  async replug(uuid: string): Promise<void> {
    const { hypervisor, journal } = this.#options;
    const xml = await hypervisor.agentChannelXml(uuid);
    if (xml === undefined) return await this.finish(uuid);
    const entry = { state: 'sending', guest: uuid, action: 'replug', note: { xml } } as const;
    await journal.record(entryPrefix + uuid, entry);
    await hypervisor.detachDevice(uuid, xml);
    await this.#untilUnplugged(uuid);
    await this.finish(uuid);
  }

  /** The domains whose channel this node unplugged and may not have plugged in again. */
  unfinished(): string[] {
    return [...this.#options.journal.tasks()]
      .filter((id) => id.startsWith(entryPrefix))
      .map((id) => id.slice(entryPrefix.length));
  }

  /** Whether this node unplugged the domain's channel and may not have plugged it in again. */
  isUnplugged(uuid: string): boolean {
    return this.#options.journal.get(entryPrefix + uuid) !== undefined;
  }

  /** Plugs in again what an earlier try, or an earlier life of this process, unplugged. Does nothing otherwise. */
  async finish(uuid: string): Promise<void> {
    const { hypervisor, journal } = this.#options;
    const entry = journal.get(entryPrefix + uuid);
    if (entry?.state !== 'sending') return;
    const { xml } = entry.note as { xml: string };
    try {
      if ((await hypervisor.agentChannelXml(uuid)) === undefined) await hypervisor.attachDevice(uuid, xml);
    } catch (error) {
      // Off, or gone: its next start brings the channel of its definition.
      if (!(error instanceof LibvirtError) || !codesOfNoGuest.has(error.code)) throw error;
    }
    await journal.forget(entryPrefix + uuid);
  }

  async #untilUnplugged(uuid: string): Promise<void> {
    const { hypervisor, clock } = this.#options;
    const giveUpAt = clock.monotonic() + unpluggedWithinMs;
    while ((await hypervisor.agentChannelXml(uuid)) !== undefined) {
      if (clock.monotonic() > giveUpAt) {
        throw new ChannelNotUnpluggedError(`the channel was still plugged in after ${unpluggedWithinMs / 1000} s`);
      }
      await clock.sleep(pollMs);
    }
  }
}

const codesOfNoGuest = new Set<number>([virErrorNumber.NO_DOMAIN, virErrorNumber.OPERATION_INVALID]);
