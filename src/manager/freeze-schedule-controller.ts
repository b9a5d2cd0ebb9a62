import { isDeepStrictEqual } from 'node:util';
import { type FsFreezeWindow, fsFreezeWindows } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { Clock } from '../seams/clock.ts';
import { timestamp } from '../seams/clock.ts';
import { planSchedule, type SchedulePlan } from './freeze-schedule-plan.ts';

export interface FreezeScheduleControllerOptions {
  cluster: Cluster;
  /** The windows that a scheduled one made. */
  madeBy(window: FsFreezeWindow): readonly FsFreezeWindow[];
  events: EventRecorder;
  clock: Clock;
  /** An instant passed without a window. */
  onMissed?: (() => void) | undefined;
}

/** Makes the windows of a schedule at their instants, and keeps few of those that are over. */
export class FreezeScheduleController {
  readonly #options: FreezeScheduleControllerOptions;

  constructor(options: FreezeScheduleControllerOptions) {
    this.#options = options;
  }

  async reconcile(window: FsFreezeWindow, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { cluster, clock, madeBy } = this.#options;
    if (window.metadata.deletionTimestamp) return {};
    const plan = planSchedule({ window, made: madeBy(window), now: clock.now() });
    if (plan.create) await this.#create(window, plan.create, signal);
    // Once a minute at most: not worth a pace of its own.
    if (!isDeepStrictEqual(window.status, plan.status)) {
      await cluster.replaceStatus(fsFreezeWindows, { ...window, status: plan.status }, { signal });
      this.#tell(window, plan);
    }
    for (const each of plan.delete) await this.#delete(each, signal);
    return plan.lookAgainMs === undefined ? {} : { requeueAfterMs: Math.max(1, plan.lookAgainMs) };
  }

  async #create(window: FsFreezeWindow, child: FsFreezeWindow, signal: AbortSignal): Promise<void> {
    const { cluster, events } = this.#options;
    try {
      await cluster.create(fsFreezeWindows, child, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return;
    }
    const note = `made window ${child.metadata.name}`;
    events.record(window, { type: 'Normal', reason: 'WindowCreated', note, action: 'Schedule' });
  }

  async #delete({ metadata }: FsFreezeWindow, signal: AbortSignal): Promise<void> {
    const { uid } = metadata;
    try {
      await this.#options.cluster.delete(fsFreezeWindows, metadata, { uid, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #tell(window: FsFreezeWindow, { missed, status }: SchedulePlan): void {
    const { events, onMissed } = this.#options;
    const failed = status.conditions?.find(({ type, status: isTrue }) => type === 'Failed' && isTrue === 'True');
    if (failed && window.status?.failureReason !== status.failureReason) {
      events.record(window, { type: 'Warning', reason: failed.reason, note: failed.message, action: 'Schedule' });
    }
    if (!missed) return;
    onMissed?.();
    const note = `no window was made for ${timestamp(missed.at)}: ${missed.why}`;
    events.record(window, { type: 'Warning', reason: 'MissedSchedule', note, action: 'Schedule' });
  }
}
