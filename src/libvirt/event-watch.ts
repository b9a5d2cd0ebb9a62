import { BackOff } from './back-off.ts';
import { type Clock, within } from './clock.ts';
import { Connection, type HypervisorVersions, type KeepAlive } from './connection.ts';
import { NotConnectedError } from './errors.ts';
import { agentEvent, type HypervisorEvent, lifecycleEvent } from './hypervisor-event.ts';

/** What a log should tell of the connection. */
export type ConnectionNews =
  | { type: 'connected'; versions: HypervisorVersions }
  | { type: 'lost'; message: string }
  | { type: 'unreachable'; message: string; retryInMs: number };

export interface EventWatchOptions {
  uri: string;
  keepAlive: KeepAlive;
  /** After how long an attempt that hangs is told of. */
  openTimeoutMs: number;
  clock: Clock;
  random: () => number;
  onEvent: (event: HypervisorEvent) => void;
  onNews: (news: ConnectionNews) => void;
}

/** virConnectCloseReason by its number. */
const closeReasons = ['of an error', 'the daemon ended it', 'the daemon did not answer', 'we asked for it'];

/**
 * Holds the connection that events come by, and opens it anew whenever it is lost. No agent call ever runs on it, so
 * it also tells whether libvirt is there.
 */
export class EventWatch {
  readonly #options: EventWatchOptions;
  readonly #backOff: BackOff;
  #versions: HypervisorVersions | undefined;
  #toldDown = false;

  constructor(options: EventWatchOptions) {
    this.#options = options;
    this.#backOff = new BackOff(options);
  }

  /** Undefined while no connection stands. */
  versions(): HypervisorVersions | undefined {
    return this.#versions;
  }

  /** Resolves when the signal aborts and the connection is closed; an attempt that hangs holds it up. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onNews } = this.#options;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    while (!signal.aborted) {
      try {
        const message = await this.#stand(aborted);
        if (message !== undefined) onNews({ type: 'lost', message });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#tellDown(message);
        const retryInMs = this.#backOff.next();
        onNews({ type: 'unreachable', message, retryInMs });
        await sleepUnlessAborted(clock, retryInMs, signal);
      }
    }
  }

  /** Opens the connection and stays with it to its end, of which it returns the reason; undefined when aborted. */
  async #stand(aborted: Promise<undefined>): Promise<string | undefined> {
    const connection = await this.#open();
    const ended = Promise.withResolvers<string>();
    const tell = (event: HypervisorEvent | undefined) => {
      // What comes before `connected` is part of what its receiver will look at.
      if (event && this.#versions) this.#options.onEvent(event);
    };
    try {
      await connection.listen({
        lifecycle: (uuid, event, detail) => tell(lifecycleEvent(uuid, event, detail)),
        agentLifecycle: (uuid, state) => tell(agentEvent(uuid, state)),
        reboot: (uuid) => tell({ type: 'reboot', uuid }),
        metadataChange: (uuid) => tell({ type: 'metadata', uuid }),
        closed: (reason) => ended.resolve(`the connection to libvirt was lost: ${closeReasons[reason] ?? 'unknown'}`),
      });
      const versions = await connection.versions();
      this.#versions = versions;
      this.#toldDown = false;
      this.#backOff.connected();
      this.#options.onNews({ type: 'connected', versions });
      this.#options.onEvent({ type: 'connected' });
      const message = await Promise.race([ended.promise, aborted]);
      this.#versions = undefined;
      if (message !== undefined) this.#tellDown(message);
      return message;
    } finally {
      this.#versions = undefined;
      await connection.close();
    }
  }

  async #open(): Promise<Connection> {
    const { uri, keepAlive, openTimeoutMs, clock } = this.#options;
    const opening = Connection.open(uri, keepAlive);
    const tooLate = new NotConnectedError(`libvirt did not answer within ${openTimeoutMs} ms at ${uri}`);
    try {
      return await within(opening, openTimeoutMs, clock, () => tooLate);
    } catch (error) {
      if (error === tooLate) this.#tellDown(tooLate.message);
      // Never a second attempt beside one that hangs: each holds a thread.
      return await opening;
    }
  }

  #tellDown(message: string): void {
    if (this.#toldDown) return;
    this.#toldDown = true;
    this.#options.onEvent({ type: 'disconnected', message });
  }
}

async function sleepUnlessAborted(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
