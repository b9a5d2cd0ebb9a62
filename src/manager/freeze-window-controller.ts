import { type FsFreezeWindow, fsFreezeWindows, type Guest, thawFinalizer, verdictLabel } from '../api/resources.ts';
import type { FsFreezeWindowStatus } from '../api/schema/fs-freeze-window.ts';
import type { Cluster } from '../kube/cluster.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { ObjectMemory } from '../kube/object-memory.ts';
import type { ObjectKey } from '../kube/objects.ts';
import { within } from '../kube/within.ts';
import type { Clock } from '../seams/clock.ts';
import { BarrierLead } from './barrier-lead.ts';
import type { Fleet } from './fleet.ts';
import type { WindowFinish } from './freeze-window-finish.ts';
import { planFreezeWindow, type WindowPlan } from './freeze-window-plan.ts';
import { SnapshotTaker } from './freeze-window-snapshot-taker.ts';
import { isTurningPoint } from './freeze-window-status.ts';
import { storyOf } from './freeze-window-story.ts';
import { OwnedTasks } from './owned-tasks.ts';
import { PacedStatus } from './paced-status.ts';
import { isTargeted } from './target.ts';

export interface FreezeWindowControllerOptions {
  cluster: Cluster;
  windows: { get(key: ObjectKey): FsFreezeWindow | undefined };
  /** Those of a namespace that are not over. */
  openWindowsIn(namespace: string): readonly FsFreezeWindow[];
  fleet: Pick<Fleet, 'tasksOf' | 'guestsIn' | 'hostExists'>;
  events: EventRecorder;
  clock: Clock;
  onEnded?(finish: WindowFinish): void;
}

interface Memory {
  tasks: OwnedTasks;
  status: PacedStatus<FsFreezeWindow>;
  snapshots: SnapshotTaker;
  lead: BarrierLead;
}

/** More would keep the leader's Lease and everybody else's requests waiting. */
const createAtOnce = 100;

const markWithinMs = 5000;

/** Carries out what is planned for a window without a schedule: lets go first, then all the rest. */
export class FreezeWindowController {
  readonly #options: FreezeWindowControllerOptions;
  readonly #memory: ObjectMemory<Memory>;

  constructor(options: FreezeWindowControllerOptions) {
    this.#options = options;
    const { cluster, clock, fleet } = options;
    this.#memory = new ObjectMemory(() => ({
      tasks: new OwnedTasks({ cluster, owners: fsFreezeWindows, clock, cached: fleet.tasksOf }),
      status: new PacedStatus({ cluster, clock, resource: fsFreezeWindows }),
      snapshots: new SnapshotTaker(cluster),
      lead: new BarrierLead(clock),
    }));
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const window = this.#options.windows.get(key);
    if (!window) {
      this.#memory.forget(key);
      return {};
    }
    // Somebody else's finalizer keeps it, or nothing was ever begun.
    if (window.metadata.deletionTimestamp && !isHeld(window)) return {};
    const memory = this.#memory.of(key, window);
    const plan = await this.#plan(window, memory, signal);
    const held = await this.#carryOut(window, memory, plan, signal);
    if (plan.create.length > createAtOnce) return { requeueAfterMs: 1 };
    const atOnce = isTurningPoint(window.status, plan.status);
    const { written, dueMs } = await memory.status.write(held, plan.status, atOnce, signal);
    if (written) this.#tell(window, plan);
    // What was written comes back as a change: then.
    else await this.#close(window, memory, plan, signal);
    if (plan.deleteWindow) return {};
    const next = Math.min(dueMs ?? Number.POSITIVE_INFINITY, plan.lookAgainMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  }

  async #plan(window: FsFreezeWindow, { tasks, snapshots, lead }: Memory, signal: AbortSignal): Promise<WindowPlan> {
    const { fleet, clock } = this.#options;
    const { namespace = '' } = window.metadata;
    const snapshotsServed = await snapshots.areServed(window, signal);
    const made = tasks.of(window);
    lead.look(made);
    return planFreezeWindow({
      window,
      guests: fleet.guestsIn(namespace).filter((guest) => isTargeted(guest, window.spec.target)),
      tasks: made,
      earlierWindow: (guest) => this.#earlierWindow(window, guest),
      hostExists: fleet.hostExists,
      snapshots: await snapshots.statesOf(window, signal),
      snapshotsServed,
      leadMs: lead.ms,
      now: clock.now(),
    });
  }

  /** Of two windows for one guest one goes first, so that no two groups can wait for each other's guests. */
  #earlierWindow(window: FsFreezeWindow, guest: Guest): string | undefined {
    return this.#options
      .openWindowsIn(window.metadata.namespace ?? '')
      .find((other) => goesBefore(other, window) && isTargeted(guest, other.spec.target))?.metadata.name;
  }

  /** Resolves with the window as it is then. */
  async #carryOut(
    window: FsFreezeWindow,
    { tasks, snapshots, lead }: Memory,
    plan: WindowPlan,
    signal: AbortSignal,
  ): Promise<FsFreezeWindow> {
    const { freeze, create } = plan;
    await Promise.all(plan.release.map((task) => tasks.letGo(task, signal)));
    if (freeze) await Promise.all(freeze.tasks.map((task) => tasks.change(task, { freezeAt: freeze.at }, signal)));
    await Promise.all(plan.giveUp.map((each) => tasks.giveUp(each, signal)));
    const held = create.length > 0 ? await this.#hold(window, signal) : window;
    await Promise.all(
      create.slice(0, createAtOnce).map(async (task) => {
        lead.begin(task);
        await tasks.make(task, signal);
      }),
    );
    await snapshots.take(plan.snapshots, signal);
    if (plan.ended) await this.#markSoon(window, snapshots, plan.status, signal);
    return held;
  }

  /** What is left once its end is told. */
  async #close(window: FsFreezeWindow, { snapshots }: Memory, plan: WindowPlan, signal: AbortSignal): Promise<void> {
    if (plan.mark) {
      const { refused, failed } = await snapshots.mark(window, plan.status, signal);
      const [first] = failed;
      if (first && plan.mark === 'Insist') throw first.error;
      this.#tellUnmarked(window, [...refused, ...failed.map(({ name }) => name)]);
    }
    if (plan.dropFinalizer) await this.#letGo(window, signal);
    if (plan.deleteWindow) await this.#delete(window, signal);
  }

  /** From now on the window stays until its guests are thawed. */
  async #hold(window: FsFreezeWindow, signal: AbortSignal): Promise<FsFreezeWindow> {
    if (isHeld(window)) return window;
    return await this.#setFinalizers(window, [...(window.metadata.finalizers ?? []), thawFinalizer], signal);
  }

  async #letGo(window: FsFreezeWindow, signal: AbortSignal): Promise<void> {
    const others = (window.metadata.finalizers ?? []).filter((each) => each !== thawFinalizer);
    await this.#setFinalizers(window, others, signal);
  }

  async #setFinalizers(window: FsFreezeWindow, finalizers: string[], signal: AbortSignal): Promise<FsFreezeWindow> {
    const { resourceVersion } = window.metadata;
    const patch = { metadata: { resourceVersion, finalizers } };
    return await this.#options.cluster.mergePatch(fsFreezeWindows, window.metadata, patch, { signal });
  }

  /** Before the end is told, for those who wait for it and read the labels; but the end doesn't wait for the labels. */
  async #markSoon(
    window: FsFreezeWindow,
    snapshots: SnapshotTaker,
    status: FsFreezeWindowStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const late = () => new Error(`the labels took over ${markWithinMs} ms`);
    const { refused } = await within(this.#options.clock, markWithinMs, late, signal, async (bounded) =>
      snapshots.mark(window, status, bounded),
    );
    signal.throwIfAborted();
    this.#tellUnmarked(window, refused);
  }

  #tellUnmarked(window: FsFreezeWindow, names: readonly string[]): void {
    if (names.length === 0) return;
    const note = `the label ${verdictLabel} could not be set on ${names.join(', ')}`;
    this.#options.events.record(window, { type: 'Warning', reason: 'SnapshotNotMarked', note, action: 'Mark' });
  }

  #tell(window: FsFreezeWindow, { ended, status }: WindowPlan): void {
    const { events, onEnded } = this.#options;
    for (const note of storyOf(window, status)) events.record(window, note);
    if (ended) onEnded?.(ended);
  }

  async #delete({ metadata }: FsFreezeWindow, signal: AbortSignal): Promise<void> {
    const { uid } = metadata;
    try {
      await this.#options.cluster.delete(fsFreezeWindows, metadata, { uid, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function isHeld({ metadata }: FsFreezeWindow): boolean {
  return metadata.finalizers?.includes(thawFinalizer) === true;
}

/** Who has begun goes before who has not; else the older, by a clock that knows only whole seconds. */
function goesBefore(a: FsFreezeWindow, b: FsFreezeWindow): boolean {
  if (isHeld(a) !== isHeld(b)) return isHeld(a);
  const [bornA, bornB] = [a, b].map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''));
  if (bornA !== bornB) return Number(bornA) < Number(bornB);
  return (a.metadata.uid ?? '') < (b.metadata.uid ?? '');
}
