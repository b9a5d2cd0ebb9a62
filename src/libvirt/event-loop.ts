import { setTimeout as delay } from 'node:timers/promises';
import type { NativeLibvirt } from './ffi.ts';
import { loadLibvirt } from './library.ts';

const pauseAfterFailureMs = 1000;

/**
 * Runs libvirt's event loop, of which a process has one, on a thread of the pool for as long as somebody uses it.
 * Events, keepalive and close callbacks need it. Between events it costs nothing.
 */
class EventLoop {
  readonly #native: NativeLibvirt;
  /** Belongs to C, so that an exiting process never waits for it. */
  readonly #wakeUp: number;
  #users = 0;
  #running = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(native: NativeLibvirt) {
    this.#native = native;
    this.#wakeUp = native.eventAddWakeUpTimer();
  }

  /** Starts the loop unless it runs. The process stays alive until the returned function is called. */
  use(): () => Promise<void> {
    this.#users += 1;
    this.#native.eventUpdateTimeout(this.#wakeUp, -1);
    if (!this.#running) void this.#run();
    let released = false;
    return async () => {
      if (released) return;
      released = true;
      this.#users -= 1;
      if (this.#users === 0) this.#native.eventUpdateTimeout(this.#wakeUp, 0);
      while (this.#running && this.#users === 0) await this.#turn;
    };
  }

  async #run(): Promise<void> {
    this.#running = true;
    // The last turn comes after the last user: it closes the sockets that connections left behind.
    for (let last = false; !last || this.#users > 0; ) {
      last = this.#users === 0;
      this.#turn = this.#takeTurn();
      await this.#turn;
    }
    this.#running = false;
  }

  async #takeTurn(): Promise<void> {
    const failed = (await this.#native.eventRunDefaultImpl()) < 0;
    // The next turn most likely fails too: don't spin.
    if (failed) await delay(pauseAfterFailureMs);
  }
}

let eventLoop: EventLoop | undefined;

/** Starts libvirt's event loop unless it runs. Returns what ends this use of it, resolving when the loop has stopped. */
export function useEventLoop(): () => Promise<void> {
  eventLoop ??= new EventLoop(loadLibvirt());
  return eventLoop.use();
}
