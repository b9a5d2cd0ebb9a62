import type { Connection } from './connection.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from './errors.ts';
import { Lane, type LaneOptions } from './lane.ts';

/** libvirtd serves 20 calls at a time, of every client together: some are left to the others. */
export const mostLanes = 16;

export interface LanePoolOptions extends LaneOptions {
  /** 1 to 16, together with `urgentLanes`. */
  lanes: number;
  /** Besides them, for urgent calls alone. Default none. */
  urgentLanes?: number;
}

export interface LaneCallOptions {
  /** Gives up waiting for a lane. */
  signal?: AbortSignal | undefined;
  /** It may well take a minute, or many. */
  long?: boolean;
  /** It goes before all others, and waits neither for them nor for another call to its guest. */
  urgent?: boolean;
}

interface Waiter {
  guest: string;
  long: boolean;
  urgent: boolean;
  take: (served: Served) => void;
  refuse: (reason: unknown) => void;
}

interface Served {
  lane: Lane;
  giveBack: () => void;
}

/** How a call ends for which a guest's agent let others wait. */
const codesOfHungGuest = new Set<number>([
  virErrorNumber.AGENT_UNRESPONSIVE,
  virErrorNumber.AGENT_COMMAND_TIMEOUT,
  virErrorNumber.OPERATION_TIMEOUT,
]);

interface Pace {
  long: boolean;
  /** The guest's last call timed out. */
  hung: boolean;
}

/** So many of the lanes: for any call, or for urgent ones alone. */
class Share {
  readonly size: number;
  readonly #mostSlow: number;
  readonly #mostLong: number;
  #served = 0;
  #slow = 0;
  #long = 0;

  constructor(size: number) {
    this.size = size;
    this.#mostSlow = Math.max(1, Math.floor(size / 2));
    // Only a call shows that a guest hangs no more, and the long ones may last for an hour.
    this.#mostLong = Math.max(1, this.#mostSlow - 1);
  }

  hasRoom({ long, hung }: Pace): boolean {
    if (this.#served >= this.size || (long && this.#long >= this.#mostLong)) return false;
    return !((long || hung) && this.#slow >= this.#mostSlow);
  }

  /** Counts a call until what it returns is called. */
  take({ long, hung }: Pace): () => void {
    const slow = Number(long || hung);
    this.#served += 1;
    this.#slow += slow;
    this.#long += Number(long);
    return () => {
      this.#served -= 1;
      this.#slow -= slow;
      this.#long -= Number(long);
    };
  }
}

/**
 * Hands out lanes so that guests that hang leave room for those that don't.
 *
 * INVARIANTS: a lane serves one call at a time; a guest has at most one call on its way, and one urgent one, since libvirt
 * would let a second one wait on its lane; guests whose last call timed out, and calls that may take long, together hold
 * half of the lanes at most (of a single lane, that one), and of those for urgent calls half, too; of four lanes or more
 * one of that half is never taken by a call that may take long. An urgent call takes either. Apart from that, first come,
 * first served, urgent calls before others.
 */
export class LanePool {
  readonly #lanes: Lane[];
  readonly #idle: Lane[];
  readonly #common: Share;
  readonly #urgent: Share;
  /** The guests with a call on its way, and apart from them those with an urgent one. */
  readonly #served = { common: new Set<string>(), urgent: new Set<string>() };
  readonly #hung = new Set<string>();
  #waiting: Waiter[] = [];
  #closed = false;

  constructor({ lanes, urgentLanes = 0, ...options }: LanePoolOptions) {
    const all = lanes + urgentLanes;
    if (!Number.isInteger(all) || !Number.isInteger(lanes) || lanes < 1 || urgentLanes < 0 || all > mostLanes) {
      throw new RangeError(`lanes are 1 to ${mostLanes}, not ${all}`);
    }
    this.#lanes = Array.from({ length: all }, () => new Lane(options));
    this.#idle = [...this.#lanes];
    this.#common = new Share(lanes);
    this.#urgent = new Share(urgentLanes);
  }

  /**
   * Runs `use`, a call to this guest, on a lane. Rejects with the signal's reason when it aborts before there is one
   * free; a call that has begun is not abandoned. Throws NotConnectedError when the lane can't connect.
   */
  async run<T>(guest: string, use: (connection: Connection) => Promise<T>, options: LaneCallOptions = {}): Promise<T> {
    const { lane, giveBack } = await this.#lane(guest, options);
    try {
      const result = await lane.run(use);
      this.#hung.delete(guest);
      return result;
    } catch (error) {
      this.#learn(guest, error);
      throw error;
    } finally {
      giveBack();
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

  async #lane(guest: string, { signal, long = false, urgent = false }: LaneCallOptions): Promise<Served> {
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const { promise, resolve, reject } = Promise.withResolvers<Served>();
    const waiter: Waiter = { guest, long, urgent, take: resolve, refuse: reject };
    const giveUp = () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiter);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    if (urgent) this.#waiting.splice(this.#firstCommon(), 0, waiter);
    else this.#waiting.push(waiter);
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
      const { guest, urgent } = waiter;
      const pace = { long: waiter.long, hung: this.#hung.has(guest) };
      const guests = urgent ? this.#served.urgent : this.#served.common;
      if (guests.has(guest)) continue;
      const share = (urgent ? [this.#urgent, this.#common] : [this.#common]).find((each) => each.hasRoom(pace));
      if (!share) continue;
      // The most recently used lane first: its connection most likely stands, and what isn't needed stays unopened.
      const lane = this.#idle.pop();
      if (!lane) return;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      guests.add(guest);
      const leave = share.take(pace);
      const giveBack = () => {
        guests.delete(guest);
        leave();
      };
      waiter.take({ lane, giveBack });
    }
  }

  #firstCommon(): number {
    const index = this.#waiting.findIndex(({ urgent }) => !urgent);
    return index === -1 ? this.#waiting.length : index;
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
