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
    const write = this.#write(regarding, note).catch((error: unknown) => {
      if (this.#options.signal.aborted) return;
      this.#options.logger.warn(
        { err: error, reason: note.reason, object: regarding.metadata.name },
        'an event could not be written',
      );
    });
    this.#underWay.add(write);
    void write.then(() => this.#underWay.delete(write));
  }

  /** Resolves when everything recorded so far is written or has failed. */
  async drained(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #write(regarding: KubeObject, { type, reason, note, action }: EventNote): Promise<void> {
    const { cluster, clock, controller, instance, signal } = this.#options;
    const { uid = '', name, namespace = 'default', resourceVersion } = regarding.metadata;
    const shortNote = note.length > longestNote ? `${note.slice(0, longestNote - 1)}…` : note;
    const key = createHash('sha256').update([uid, type, reason, action, shortNote].join('\0')).digest('hex');
    const now = clock.now();
    const known = this.#recent.get(key);
    if (known && now - known.at < seriesMs) {
      known.count++;
      known.at = now;
      const series = { count: known.count, lastObservedTime: microTimestamp(now) };
      await cluster.mergePatch(kubeEvents, known.event.metadata, { series }, { signal });
      return;
    }
    const event: KubeEvent = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, 200)}.${key.slice(0, 8)}${now.toString(16)}` },
      eventTime: microTimestamp(now),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      action,
      reason,
      type,
      note: shortNote,
      regarding: {
        ...(regarding.apiVersion && { apiVersion: regarding.apiVersion }),
        ...(regarding.kind && { kind: regarding.kind }),
        name,
        namespace,
        uid,
        ...(resourceVersion && { resourceVersion }),
      },
    };
    this.#remember(key, { event, count: 1, at: now });
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
