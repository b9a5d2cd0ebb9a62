import type { Connection } from './connection.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from './errors.ts';
import { Lane, type LaneOptions } from './lane.ts';

/** libvirtd serves 20 calls at a time, of every client together: some are left to the others. */
export const mostLanes = 16;

export interface LanePoolOptions extends LaneOptions {
  /** 1 to 16. */
  lanes: number;
}

export interface LaneCallOptions {
  /** Gives up waiting for a lane. */
  signal?: AbortSignal | undefined;
  /** It may well take a minute, or many. */
  long?: boolean;
}

interface Waiter {
  guest: string;
  long: boolean;
  take: (lane: Lane) => void;
  refuse: (reason: unknown) => void;
}

/** How a call ends for which a guest's agent let others wait. */
const codesOfHungGuest = new Set<number>([
  virErrorNumber.AGENT_UNRESPONSIVE,
  virErrorNumber.AGENT_COMMAND_TIMEOUT,
  virErrorNumber.OPERATION_TIMEOUT,
]);

/**
 * Hands out lanes so that guests that hang leave room for those that don't.
 *
 * INVARIANTS: a lane serves one call at a time; a guest has at most one call on its way, since libvirt would let a
 * second one wait on its lane; guests whose last call timed out, and calls that may take long, together hold half of the
 * lanes at most (of a single lane, that one). Apart from that, first come, first served.
 */
export class LanePool {
  readonly #lanes: Lane[];
  readonly #idle: Lane[];
  readonly #mostForSlow: number;
  /** Each guest with a call on its way, and whether it counted as slow when it got its lane. */
  readonly #served = new Map<string, boolean>();
  readonly #hung = new Set<string>();
  #waiting: Waiter[] = [];
  #closed = false;

  constructor({ lanes, ...options }: LanePoolOptions) {
    if (!Number.isInteger(lanes) || lanes < 1 || lanes > mostLanes) {
      throw new RangeError(`lanes are 1 to ${mostLanes}, not ${lanes}`);
    }
    this.#lanes = Array.from({ length: lanes }, () => new Lane(options));
    this.#idle = [...this.#lanes];
    this.#mostForSlow = Math.max(1, Math.floor(lanes / 2));
  }

  /**
   * Runs `use`, a call to this guest, on a lane. Rejects with the signal's reason when it aborts before there is one
   * free; a call that has begun is not abandoned. Throws NotConnectedError when the lane can't connect.
   */
  async run<T>(guest: string, use: (connection: Connection) => Promise<T>, options: LaneCallOptions = {}): Promise<T> {
    const lane = await this.#lane(guest, options);
    try {
      const result = await lane.run(use);
      this.#hung.delete(guest);
      return result;
    } catch (error) {
      this.#learn(guest, error);
      throw error;
    } finally {
      this.#served.delete(guest);
      this.#idle.push(lane);
      this.#serve();
    }
  }

  /** Refuses new calls and those that wait; resolves when those under way have returned and all is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { refuse } of this.#waiting.splice(0)) refuse(closedError());
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  async #lane(guest: string, { signal, long = false }: LaneCallOptions): Promise<Lane> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const { promise, resolve, reject } = Promise.withResolvers<Lane>();
    const waiter: Waiter = { guest, long, take: resolve, refuse: reject };
    const giveUp = () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiter);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#waiting.push(waiter);
    this.#serve();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  #serve(): void {
    // A copy is gone through, since who is served leaves the list.
    for (const waiter of this.#waiting.slice()) {
      const slow = waiter.long || this.#hung.has(waiter.guest);
      if (!this.#mayRun(waiter.guest, slow)) continue;
      // The most recently used lane first: its connection most likely stands, and what isn't needed stays unopened.
      const lane = this.#idle.pop();
      if (!lane) return;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      this.#served.set(waiter.guest, slow);
      waiter.take(lane);
    }
  }

  #mayRun(guest: string, slow: boolean): boolean {
    if (this.#served.has(guest)) return false;
    if (!slow) return true;
    return [...this.#served.values()].filter(Boolean).length < this.#mostForSlow;
  }

  #learn(guest: string, error: unknown): void {
    // A call that never arrived tells nothing of the guest.
    if (!(error instanceof LibvirtError) || error.connectionLost) return;
    if (codesOfHungGuest.has(error.code)) this.#hung.add(guest);
    else this.#hung.delete(guest);
  }
}

function closedError(): NotConnectedError {
  return new NotConnectedError('the connection to libvirt was closed');
}
