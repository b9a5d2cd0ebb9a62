import type { WatchEvent, WatchOptions } from '../../src/kube/cluster.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { KubeObject, Resource } from '../../src/kube/objects.ts';
import type { ApiFaults } from './faults.ts';
import { selects } from './selectors.ts';
import type { Change, SimulatedApiServer } from './simulated-api-server.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Timeline } from './timeline.ts';

export interface SimulatedWatchOptions<T extends KubeObject> {
  server: SimulatedApiServer;
  timeline: Timeline;
  process: SimulatedProcess;
  resource: Resource<T>;
  options: WatchOptions;
  faults(): ApiFaults | undefined;
}

const bookmarkMs = 60_000;

/** One open watch: events come in their order, late, twice or in a bunch, until it is cut, as watches are. */
export class SimulatedWatch<T extends KubeObject> {
  readonly #options: SimulatedWatchOptions<T>;
  readonly #selected: (object: KubeObject) => boolean;
  readonly #sent: (WatchEvent<T> | ApiError)[] = [];
  readonly #arrived: (WatchEvent<T> | ApiError)[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  /** Nothing arrives before what was sent earlier. */
  #arrivesAt = 0;
  #stopListening = () => {};
  #cancelBookmark = () => {};

  constructor(options: SimulatedWatchOptions<T>) {
    this.#options = options;
    this.#selected = selects(options.options);
  }

  /** Sends what happened before it was opened, then follows. `version` is the server's at that moment. */
  begin(missed: readonly Change[], version: number): void {
    const { server, timeline, options } = this.#options;
    for (const change of missed) this.#send(change);
    // Between the server's answer and now there may be more.
    for (const change of server.changesSince(version)) this.#follow(change);
    this.#stopListening = server.onChange((change) => this.#follow(change));
    const bookmark = () => {
      this.#deliver({ type: 'BOOKMARK', resourceVersion: String(server.version) });
      this.#cancelBookmark = timeline.in(bookmarkMs, bookmark);
    };
    this.#cancelBookmark = timeline.in(bookmarkMs, bookmark);
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The next event; undefined when the server ended the watch. */
  async next(): Promise<WatchEvent<T> | undefined> {
    const { signal } = this.#options.options;
    for (;;) {
      signal.throwIfAborted();
      const next = this.#arrived.shift();
      if (next instanceof ApiError) throw next;
      if (next) return next;
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#cancelBookmark();
    this.#options.options.signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = () => this.#wake?.();

  #follow(change: Change): void {
    if (change.plural !== this.#options.resource.plural) return;
    const { process, faults } = this.#options;
    switch (process.chance.oneOf(faults()?.watches ?? {})) {
      case 'cut':
        this.#deliver(new ApiError(0, 'ConnectionLost', 'the watch was cut'));
        this.close();
        return;
      case 'ended':
        this.close();
        this.#options.timeline.in(1, () => this.#wake?.(), process);
        return;
      case 'expired':
        this.#deliver(new ApiError(410, 'Expired', 'the watch is too old'));
        this.close();
        return;
      case 'lag':
        this.#arrivesAt = Math.max(
          this.#arrivesAt,
          this.#options.timeline.elapsed + process.chance.between(500, 20_000),
        );
        break;
      case 'duplicate':
        this.#send(change);
        break;
      case undefined:
        break;
    }
    this.#send(change);
  }

  #send(change: Change): void {
    const event = this.#eventOf(change);
    if (event) this.#deliver(event);
  }

  #eventOf({ before, after, version }: Change): WatchEvent<T> | undefined {
    const wasShown = before !== undefined && this.#selected(before);
    const isShown = after !== undefined && this.#selected(after);
    if (isShown) return { type: wasShown ? 'MODIFIED' : 'ADDED', object: after as T };
    if (!wasShown) return undefined;
    const metadata = { ...before.metadata, resourceVersion: String(version) };
    return { type: 'DELETED', object: { ...before, metadata } as T };
  }

  #deliver(event: WatchEvent<T> | ApiError): void {
    const { timeline, process } = this.#options;
    this.#arrivesAt = Math.max(
      this.#arrivesAt,
      timeline.elapsed + process.chance.between(0.5, 3),
      process.partitionedUntil,
    );
    this.#sent.push(event);
    timeline.in(
      this.#arrivesAt - timeline.elapsed,
      () => {
        // The earliest, whichever moment comes first: those of one bunch differ in their last bits.
        this.#arrived.push(...this.#sent.splice(0, 1));
        this.#wake?.();
      },
      process,
    );
  }
}
