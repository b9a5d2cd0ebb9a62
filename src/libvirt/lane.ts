import { type Clock, within } from './clock.ts';
import { Connection, type KeepAlive } from './connection.ts';
import { NotConnectedError } from './errors.ts';

export interface LaneOptions {
  uri: string;
  keepAlive: KeepAlive;
  /** How long a caller waits for a connection to open; the attempt itself goes on and serves a later caller. */
  openTimeoutMs: number;
  clock: Clock;
}

/**
 * A connection that is opened when it is first needed and anew when it was lost, and that belongs to one function at
 * a time: only `run` hands it out.
 */
export class Lane {
  readonly #options: LaneOptions;
  #connection: Connection | undefined;
  /** Never a second attempt beside one that hangs: each holds a thread. */
  #opening: Promise<Connection> | undefined;
  #running: Promise<unknown> | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Runs `use` with the connection. Throws NotConnectedError without running it when there is none to be had. */
  async run<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#running) throw new Error('this lane is in use');
    const running = this.#connected().then(use);
    this.#running = running;
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }

  /** Closes the connection as soon as what runs on it has returned. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#running, this.#opening]);
    await this.#connection?.close();
    this.#connection = undefined;
  }

  async #connected(): Promise<Connection> {
    if (this.#closed) throw new NotConnectedError('the connection to libvirt was closed');
    if (this.#connection) {
      if (this.#connection.isAlive()) return this.#connection;
      const lost = this.#connection;
      this.#connection = undefined;
      await lost.close();
    }
    const { uri, openTimeoutMs, clock } = this.#options;
    this.#opening ??= this.#open();
    return within(this.#opening, openTimeoutMs, clock, () => {
      return new NotConnectedError(`no connection to ${uri}: libvirt did not answer within ${openTimeoutMs} ms`);
    });
  }

  async #open(): Promise<Connection> {
    try {
      this.#connection = await Connection.open(this.#options.uri, this.#options.keepAlive, this.#options.clock);
      return this.#connection;
    } finally {
      this.#opening = undefined;
    }
  }
}
