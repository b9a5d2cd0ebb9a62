import { unlessAborted } from './abort.ts';
import { type Clock, realClock, within } from './clock.ts';
import type { Connection, KeepAlive } from './connection.ts';
import { type Domain, readDomain } from './domain.ts';
import type { DomainHandle } from './domain-handle.ts';
import { agentChannelXml } from './domain-xml.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from './errors.ts';
import { useEventLoop } from './event-loop.ts';
import { type ConnectionNews, EventWatch } from './event-watch.ts';
import type { HypervisorEvent } from './hypervisor-event.ts';
import { LanePool } from './lane-pool.ts';
import { thawLanes } from './thread-pool.ts';
import { throwLater } from './throw-later.ts';

export interface LibvirtHypervisorOptions {
  /** As `qemu:///system`. */
  uri: string;
  /** The XML namespace of the metadata element that domains are read with. */
  metadataUri?: string;
  /** How many guests may be spoken to at a time, 1 to 12; default 8. Each wants a thread: see `ensureThreads`. */
  lanes?: number;
  /** Default: a question every 5 s, gone after 3 without an answer. */
  keepAlive?: KeepAlive;
  /** How long a call waits for a connection to open. Default 10 000. */
  openTimeoutMs?: number;
  /** A number in [0, 1): spreads attempts to reconnect. */
  random?: () => number;
  clock?: Clock;
  /** For a log: what becomes of the connection. */
  onNews?: (news: ConnectionNews) => void;
}

export interface HypervisorInfo {
  uri: string;
  /** As `11.3.0`. */
  libvirtVersion: string;
  /** As `QEMU 10.0.2`. */
  hypervisorVersion: string;
}

export interface AgentCallOptions {
  /** How long the guest's agent may take, in whole seconds, at least 1. Wall time may reach 30 + 5 + this. */
  timeoutSeconds: number;
  /** Gives up waiting for a lane; a call on its way is not abandoned. */
  signal?: AbortSignal | undefined;
  /** Awaited on the lane, right before the call is sent; where it throws, nothing is. */
  beforeSent?: (() => Promise<void>) | undefined;
}

/** What may take this long leaves half of the lanes to the others, and one of its half to guests that hung. */
const longCallSeconds = 60;

/**
 * A libvirt host: its domains, their guest agents, and what happens to them. Connects by itself, again and again.
 *
 * Calls throw NotConnectedError at once while libvirt can't be reached (nothing was sent), LibvirtError when libvirt
 * says no, and the signal's reason when it aborts.
 */
export class LibvirtHypervisor {
  readonly #uri: string;
  readonly #metadataUri: string | undefined;
  readonly #clock: Clock;
  readonly #watch: EventWatch;
  /** Apart from the guests' lanes: guests that hang delay nobody who asks for domains. */
  readonly #control: LanePool;
  /** A guest that is to be thawed waits for none that is spoken to, and for none that hangs. */
  readonly #guests: LanePool;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  readonly #stopping = new AbortController();
  #watching: Promise<void> | undefined;
  #releaseEventLoop: (() => Promise<void>) | undefined;

  constructor(options: LibvirtHypervisorOptions) {
    const { uri, metadataUri, lanes = 8, openTimeoutMs = 10_000, random = Math.random, clock = realClock } = options;
    const keepAlive = options.keepAlive ?? { intervalSeconds: 5, count: 3 };
    const connecting = { uri, keepAlive, openTimeoutMs, clock };
    this.#uri = uri;
    this.#metadataUri = metadataUri;
    this.#clock = clock;
    this.#control = new LanePool({ ...connecting, lanes: 1 });
    this.#guests = new LanePool({ ...connecting, lanes, urgentLanes: thawLanes });
    this.#watch = new EventWatch({
      ...connecting,
      random,
      onEvent: (event) => this.#emit(event),
      onNews: options.onNews ?? (() => {}),
    });
  }

  /**
   * Connects, and keeps connected until `close`. Resolves when the first attempt has succeeded, failed or taken too
   * long; the signal ends that wait. Throws LibvirtMissingError where libvirt's library isn't installed.
   */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#watching) throw new Error('the hypervisor was started before');
    signal?.throwIfAborted();
    this.#releaseEventLoop = useEventLoop();
    const first = Promise.withResolvers<void>();
    const unsubscribe = this.subscribe(() => first.resolve());
    this.#watching = this.#watch.run(this.#stopping.signal);
    try {
      await unlessAborted(Promise.race([first.promise, this.#watching]), signal);
    } finally {
      unsubscribe();
    }
  }

  /**
   * Closes everything; calls that wait are refused. False when after `graceMs` calls are still blocked in libvirt, which
   * nothing can interrupt: the process then ends by `process.exit` or `hardExit`, and by itself when they return.
   */
  async close(graceMs = 2000): Promise<boolean> {
    this.#stopping.abort();
    const closed = Promise.all([this.#watching, this.#control.close(), this.#guests.close()]);
    const tooLate = new Error('calls are still blocked');
    let inTime = true;
    try {
      await within(closed, graceMs, this.#clock, () => tooLate);
    } catch (error) {
      if (error !== tooLate) throw error;
      inTime = false;
    }
    await this.#releaseEventLoop?.();
    return inTime;
  }

  /** Undefined while no connection stands. */
  info(): HypervisorInfo | undefined {
    const versions = this.#watch.versions();
    return versions && { uri: this.#uri, libvirtVersion: versions.libvirt, hypervisorVersion: versions.hypervisor };
  }

  /** Calls the listener with each event from now on. Returns a function that ends that. */
  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    const own = (event: HypervisorEvent) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async domains(signal?: AbortSignal): Promise<Domain[]> {
    return this.#ask(signal, async (connection) => {
      const domains: Domain[] = [];
      await connection.eachDomain(async (each) => {
        const domain = await ifThere(readDomain(each, this.#metadataUri));
        if (domain) domains.push(domain);
      });
      return domains;
    });
  }

  /** Undefined when the host has no such domain. */
  async domain(uuid: string, signal?: AbortSignal): Promise<Domain | undefined> {
    return this.#ask(signal, (connection) =>
      ifThere(connection.withDomain(uuid, (domain) => readDomain(domain, this.#metadataUri))),
    );
  }

  /** Whether the domain is on its way to another host (virDomainGetJobStats). May wait while libvirt changes the domain. */
  async isMigrating(uuid: string, signal?: AbortSignal): Promise<boolean> {
    return this.#onGuest(uuid, signal, (domain) => domain.isMigrating());
  }

  /** Sends one guest agent command, JSON in and JSON out (virDomainQemuAgentCommand). */
  async agentCommand(uuid: string, command: string, options: AgentCallOptions): Promise<string> {
    const { timeoutSeconds, signal, beforeSent } = options;
    const send = async (domain: DomainHandle) => {
      await beforeSent?.();
      return domain.agentCommand(command, timeoutSeconds);
    };
    return this.#onGuest(uuid, signal, send, { long: timeoutSeconds >= longCallSeconds });
  }

  /** Wakes a guest that suspended itself to its memory (virDomainPMWakeup). */
  async wakeUp(uuid: string, signal?: AbortSignal): Promise<void> {
    await this.#onGuest(uuid, signal, (domain) => domain.wakeUp());
  }

  /** Freezes filesystems, all or those of `mountpoints`; returns how many. Of an unknown mountpoint that is 0. */
  async fsFreeze(uuid: string, options: AgentCallOptions & { mountpoints?: readonly string[] }): Promise<number> {
    return this.#onGuest(uuid, options.signal, async (domain) => {
      await domain.setAgentResponseTimeout(options.timeoutSeconds);
      await options.beforeSent?.();
      return domain.fsFreeze(options.mountpoints);
    });
  }

  /** Thaws all filesystems; returns how many, 0 when none was frozen. */
  async fsThaw(uuid: string, { timeoutSeconds, signal, beforeSent }: AgentCallOptions): Promise<number> {
    const thaw = async (domain: DomainHandle) => {
      await domain.setAgentResponseTimeout(timeoutSeconds);
      await beforeSent?.();
      return domain.fsThaw();
    };
    return this.#onGuest(uuid, signal, thaw, { urgent: true });
  }

  /** Sets the password of an account in the guest; `encrypted`: it is a crypt(3) hash. */
  async setUserPassword(
    uuid: string,
    account: { user: string; password: string; encrypted: boolean },
    { timeoutSeconds, signal, beforeSent }: AgentCallOptions,
  ): Promise<void> {
    await this.#onGuest(uuid, signal, async (domain) => {
      await domain.setAgentResponseTimeout(timeoutSeconds);
      await beforeSent?.();
      await domain.setUserPassword(account.user, account.password, { encrypted: account.encrypted });
    });
  }

  /** The element of the guest agent's channel in the running domain's XML; undefined where it has none. */
  async agentChannelXml(uuid: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#ask(signal, (connection) =>
      connection.withDomain(uuid, async (domain) => agentChannelXml(await domain.xml())),
    );
  }

  /** Plugs a device into a running domain, by its element of the domain's XML. */
  async attachDevice(uuid: string, xml: string, signal?: AbortSignal): Promise<void> {
    await this.#onGuest(uuid, signal, (domain) => domain.attachDevice(xml));
  }

  /** Unplugs a device from a running domain, by its element of the domain's XML; it may be gone some time later. */
  async detachDevice(uuid: string, xml: string, signal?: AbortSignal): Promise<void> {
    await this.#onGuest(uuid, signal, (domain) => domain.detachDevice(xml));
  }

  /** Runs a question on the control connection. With the signal its caller stops waiting; the question runs on. */
  async #ask<T>(signal: AbortSignal | undefined, use: (connection: Connection) => Promise<T>): Promise<T> {
    this.#assertConnected();
    return unlessAborted(this.#control.run('any', use, { signal }), signal);
  }

  async #onGuest<T>(
    uuid: string,
    signal: AbortSignal | undefined,
    use: (domain: DomainHandle) => Promise<T>,
    { long = false, urgent = false } = {},
  ): Promise<T> {
    this.#assertConnected();
    return this.#guests.run(
      uuid,
      async (connection) => {
        let found = false;
        try {
          return await connection.withKnownDomain(uuid, (domain) => {
            found = true;
            return use(domain);
          });
        } catch (error) {
          const neverSent = !found && error instanceof LibvirtError && error.connectionLost;
          throw neverSent ? new NotConnectedError(error.message, { cause: error }) : error;
        }
      },
      { signal, long, urgent },
    );
  }

  #assertConnected(): void {
    if (!this.#watch.versions()) throw new NotConnectedError(`no connection to ${this.#uri}`);
  }

  #emit(event: HypervisorEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof LibvirtError && error.code === virErrorNumber.NO_DOMAIN) return undefined;
    throw error;
  }
}
