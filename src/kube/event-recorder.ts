import { createHash } from 'node:crypto';
import type { Logger } from '../observability/log.ts';
import { type Clock, microTimestamp } from '../seams/clock.ts';
import type { Cluster } from './cluster.ts';
import { type KubeEvent, kubeEvents } from './core-resources.ts';
import { isAlreadyExists } from './errors.ts';
import type { KubeObject } from './objects.ts';

export interface EventRecorderOptions {
  cluster: Cluster;
  /** Who reports: `qga.dev/manager`. */
  controller: string;
  /** Which process reports. */
  instance: string;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}

export interface EventNote {
  type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  reason: string;
  /** A sentence for people; cut at 1 KiB, as the API server would refuse a longer one. */
  note: string;
  /** What was being done: `Run`. */
  action: string;
}

/** In bytes: the API server counts those. */
const longestNote = 1024;
/** As client-go: the same event again within six minutes makes a series of one object. */
const seriesMs = 6 * 60_000;
/** As client-go: a burst of 25 per object, then one in five minutes. */
const burst = 25;
const refillMs = 5 * 60_000;
const mostRemembered = 4096;

interface Remembered {
  event: KubeEvent;
  count: number;
  at: number;
  /** The last write of this event: the next one waits for it, so that counts arrive in their order. */
  written: Promise<void>;
}

/** Writes Events beside the work: nothing waits for them, and nothing fails with them. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #recent = new Map<string, Remembered>();
  readonly #tokens = new Map<string, { left: number; at: number }>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(regarding: KubeObject, note: EventNote): void {
    if (!this.#mayWrite(regarding.metadata.uid ?? '')) return;
    const key = identityOf(regarding, note);
    const event = this.#again(key) ?? this.#first(key, regarding, note);
    const { count, at } = event;
    const write = event.written
      .then(async () => this.#write(event.event, count, at))
      .catch((error: unknown) => {
        // Never begun, or gone: the next one begins anew.
        if (this.#recent.get(key) === event) this.#recent.delete(key);
        if (this.#options.signal.aborted) return;
        this.#options.logger.warn(
          { err: error, reason: note.reason, object: regarding.metadata.name },
          'an event could not be written',
        );
      });
    event.written = write;
    this.#underWay.add(write);
    void write.then(() => this.#underWay.delete(write));
  }

  /** Resolves when everything recorded so far is written or has failed. */
  async drained(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #again(key: string): Remembered | undefined {
    const now = this.#options.clock.now();
    const known = this.#recent.get(key);
    if (!known || now - known.at >= seriesMs) return undefined;
    known.count++;
    known.at = now;
    return known;
  }

  #first(key: string, regarding: KubeObject, { type, reason, note, action }: EventNote): Remembered {
    const { clock, controller, instance } = this.#options;
    const { apiVersion, kind } = regarding;
    const { uid = '', name, namespace, resourceVersion } = regarding.metadata;
    const now = clock.now();
    const event: KubeEvent = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        namespace: namespace ?? 'default',
        name: `${name.slice(0, 200)}.${key.slice(0, 8)}${now.toString(16)}`,
      },
      eventTime: microTimestamp(now),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      action,
      reason,
      type,
      note: shortened(note),
      regarding: {
        ...(apiVersion && { apiVersion }),
        ...(kind && { kind }),
        name,
        ...(namespace && { namespace }),
        uid,
        ...(resourceVersion && { resourceVersion }),
      },
    };
    const remembered = { event, count: 1, at: now, written: Promise.resolve() };
    this.#remember(key, remembered);
    return remembered;
  }

  async #write(event: KubeEvent, count: number, at: number): Promise<void> {
    const { cluster, signal } = this.#options;
    if (count > 1) {
      const series = { count, lastObservedTime: microTimestamp(at) };
      await cluster.mergePatch(kubeEvents, event.metadata, { series }, { signal });
      return;
    }
    try {
      await cluster.create(kubeEvents, event, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #remember(key: string, remembered: Remembered): void {
    this.#recent.delete(key);
    this.#recent.set(key, remembered);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > mostRemembered && oldest !== undefined) this.#recent.delete(oldest);
  }

  /** A token bucket per object. */
  #mayWrite(uid: string): boolean {
    const now = this.#options.clock.monotonic();
    const bucket = this.#tokens.get(uid) ?? { left: burst, at: now };
    const left = Math.min(burst, bucket.left + (now - bucket.at) / refillMs);
    this.#tokens.delete(uid);
    this.#tokens.set(uid, { left: left >= 1 ? left - 1 : left, at: now });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > mostRemembered && oldest !== undefined) this.#tokens.delete(oldest);
    return left >= 1;
  }
}

/** What makes an event the same event again. */
function identityOf({ metadata }: KubeObject, { type, reason, action, note }: EventNote): string {
  return createHash('sha256')
    .update([metadata.uid, type, reason, action, shortened(note)].join('\0'))
    .digest('hex');
}

function shortened(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= longestNote) return note;
  // A decoder that expects more holds back the character that was cut.
  const start = new TextDecoder().decode(bytes.subarray(0, longestNote - Buffer.byteLength('…')), { stream: true });
  return `${start}…`;
}
