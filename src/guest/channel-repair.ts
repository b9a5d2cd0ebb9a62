import { LibvirtError, virErrorNumber } from '../libvirt/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { type Hypervisor, isOff } from './hypervisor.ts';
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

/** The domain has no channel, and nothing is known of one that it had. */
export class ChannelNotPluggedInError extends Error {
  override readonly name = 'ChannelNotPluggedInError';
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
 *
 * INVARIANT: one at a time works on a domain's channel. To another it would look plugged in while it is being unplugged.
 */
export class ChannelRepair {
  readonly #options: ChannelRepairOptions;
  /** By domain, what is under way last. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(options: ChannelRepairOptions) {
    this.#options = options;
  }

  /** Resolves when the channel is plugged in again. Rejects with libvirt's error, or one of those above. */
  async replug(uuid: string): Promise<void> {
    await this.#alone(uuid, () => this.#replug(uuid));
  }

  /** Plugs in again what an earlier try, or an earlier life of this process, unplugged. Does nothing otherwise. */
  async finish(uuid: string): Promise<void> {
    await this.#alone(uuid, async () => {
      const xml = this.#unplugged(uuid);
      if (xml !== undefined) await this.#plugIn(uuid, xml);
    });
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

  async #replug(uuid: string): Promise<void> {
    const { hypervisor, journal } = this.#options;
    const xml = await hypervisor.agentChannelXml(uuid);
    if (xml !== undefined) {
      const entry = { state: 'sending', guest: uuid, action: 'replug', note: { xml } } as const;
      await journal.record(entryPrefix + uuid, entry);
      await hypervisor.detachDevice(uuid, xml);
      if (!(await this.#goes(uuid))) {
        throw new ChannelNotUnpluggedError(`the channel was still plugged in after ${unpluggedWithinMs / 1000} s`);
      }
    }
    const unplugged = xml ?? this.#unplugged(uuid);
    if (unplugged !== undefined) await this.#plugIn(uuid, unplugged);
    if ((await hypervisor.agentChannelXml(uuid)) === undefined) {
      throw new ChannelNotPluggedInError('the domain has no agent channel');
    }
  }

  /** The channel that the journal says was to be unplugged. */
  #unplugged(uuid: string): string | undefined {
    const entry = this.#options.journal.get(entryPrefix + uuid);
    return entry?.state === 'sending' ? (entry.note as { xml: string }).xml : undefined;
  }

  async #plugIn(uuid: string, xml: string): Promise<void> {
    const { hypervisor, journal } = this.#options;
    try {
      // Where it is still there, a daemon that an earlier life asked to unplug it may be about it.
      if (await this.#goes(uuid)) await hypervisor.attachDevice(uuid, xml);
    } catch (error) {
      if (!(await this.#startsWithIt(uuid, error))) throw error;
    }
    await journal.forget(entryPrefix + uuid);
  }

  /** Whether the domain is off, or gone: its next start brings the channel of its definition, but not that of a saved one. */
  async #startsWithIt(uuid: string, error: unknown): Promise<boolean> {
    if (!(error instanceof LibvirtError) || !codesOfNoGuest.has(error.code)) return false;
    const domain = await this.#options.hypervisor.domain(uuid);
    return domain === undefined || (isOff(domain) && !domain.saved);
  }

  /** Whether the channel goes in the time that this may take. */
  async #goes(uuid: string): Promise<boolean> {
    const { hypervisor, clock } = this.#options;
    const giveUpAt = clock.monotonic() + unpluggedWithinMs;
    while ((await hypervisor.agentChannelXml(uuid)) !== undefined) {
      if (clock.monotonic() > giveUpAt) return false;
      await clock.sleep(pollMs);
    }
    return true;
  }

  async #alone(uuid: string, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(uuid);
    const mine = (async () => {
      // How it went is its caller's business.
      await before?.catch(() => {});
      await work();
    })();
    this.#last.set(uuid, mine);
    try {
      await mine;
    } finally {
      if (this.#last.get(uuid) === mine) this.#last.delete(uuid);
    }
  }
}

const codesOfNoGuest = new Set<number>([virErrorNumber.NO_DOMAIN, virErrorNumber.OPERATION_INVALID]);
