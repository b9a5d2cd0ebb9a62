import { isDeepStrictEqual } from 'node:util';
import { type Guest, type GuestExecJob, type GuestTask, guestExecJobs, guestTasks } from '../api/resources.ts';
import type { GuestExecJobStatus } from '../api/schema/guest-exec-job.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { ObjectKey } from '../kube/objects.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import { type GivenUp, type Plan, planExecJob } from './exec-job-plan.ts';
import { isTargeted } from './job-target.ts';

export interface ExecJobControllerOptions {
  cluster: Cluster;
  jobs: { get(key: ObjectKey): GuestExecJob | undefined };
  tasksOf(job: GuestExecJob): readonly GuestTask[];
  guestsIn(namespace: string): readonly Guest[];
  hostExists(node: string): boolean;
  events: EventRecorder;
  clock: Clock;
  onEnded?(job: GuestExecJob, plan: Plan): void;
}

/**
 * A status is written at most this often while a job goes on, and first this long after the first look at it, so that a
 * short job costs one write; its end is written at once.
 */
const statusPaceMs = 1000;
/** Failing guests that get an event of their own. */
const eventsPerJob = 10;

/** More would keep the leader's Lease and everybody else's requests waiting. */
const createAtOnce = 100;
/** What was made and is not in the cache by then was deleted. */
const arrivesWithinMs = 30_000;

/** What this process knows of a job that the API server can't tell yet. */
interface JobMemory {
  uid: string | undefined;
  /** Tasks made that the cache may not show yet: the plan must count them as made. */
  made: Map<string, { task: GuestTask; at: number }>;
  /** When the status was last written, or the job first looked at, on the monotonic clock. */
  pacedFrom: number;
}

/** Makes a job's tasks and tells in its status how they fare. */
export class ExecJobController {
  readonly #options: ExecJobControllerOptions;
  readonly #memory = new Map<ObjectKey, JobMemory>();

  constructor(options: ExecJobControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { jobs, guestsIn, hostExists, clock } = this.#options;
    const job = jobs.get(key);
    if (!job || job.metadata.deletionTimestamp) {
      this.#memory.delete(key);
      return {};
    }
    const memory = this.#memoryOf(key, job);
    const plan = planExecJob({
      job,
      guests: guestsIn(job.metadata.namespace ?? '').filter((guest) => isTargeted(guest, job.spec.target)),
      tasks: this.#tasksOf(job, memory),
      hostExists,
      now: clock.now(),
    });
    if (plan.deleteJob) {
      await this.#deleteJob(job, signal);
      return {};
    }
    const create = plan.create.slice(0, createAtOnce);
    await Promise.all(create.map((task) => this.#create(memory, task, signal)));
    for (const each of plan.giveUp) await this.#giveUp(each, signal);
    // The rest first: a status now would count them as waiting.
    if (create.length < plan.create.length) return { requeueAfterMs: 1 };
    const statusDueMs = await this.#writeStatus(job, memory, plan, signal);
    if (plan.ended) this.#memory.delete(key);
    const next = Math.min(statusDueMs ?? Number.POSITIVE_INFINITY, plan.lookAgainMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  }

  #memoryOf(key: ObjectKey, { metadata }: GuestExecJob): JobMemory {
    const known = this.#memory.get(key);
    if (known && known.uid === metadata.uid) return known;
    const fresh: JobMemory = { uid: metadata.uid, made: new Map(), pacedFrom: this.#options.clock.monotonic() };
    this.#memory.set(key, fresh);
    return fresh;
  }

  /** What the cache shows, and what was made a moment ago and is on its way into it. */
  #tasksOf(job: GuestExecJob, { made }: JobMemory): GuestTask[] {
    const cached = this.#options.tasksOf(job);
    const now = this.#options.clock.monotonic();
    for (const task of cached) made.delete(task.metadata.name);
    for (const [name, { at }] of made) if (now - at > arrivesWithinMs) made.delete(name);
    return [...cached, ...[...made.values()].map(({ task }) => task)];
  }

  async #create({ made }: JobMemory, task: GuestTask, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    try {
      await cluster.create(guestTasks, task, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    made.set(task.metadata.name, { task, at: clock.monotonic() });
  }

  /** On behalf of an agent that is gone. Conditional on what was seen: one that is not gone after all wins. */
  async #giveUp({ task, phase, reason, message }: GivenUp, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    const now = clock.now();
    const conditions = setCondition(
      task.status?.conditions ?? [],
      { type: 'Failed', status: 'True', reason, message },
      now,
    );
    const status = { ...task.status, phase, reason, message, completionTime: timestamp(now), conditions };
    try {
      await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /** Writes what changed, if it is time to; returns in how many milliseconds it will be. */
  async #writeStatus(
    job: GuestExecJob,
    memory: JobMemory,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { cluster, clock, onEnded } = this.#options;
    if (isDeepStrictEqual(job.status, plan.status)) return undefined;
    const now = clock.monotonic();
    if (!plan.ended && !this.#mustBeWrittenNow(job, plan.status)) {
      const leftMs = memory.pacedFrom + statusPaceMs - now;
      if (leftMs > 0) return leftMs;
    }
    await cluster.replaceStatus(guestExecJobs, { ...job, status: plan.status }, { signal });
    memory.pacedFrom = now;
    if (plan.ended) {
      this.#tellEnd(job, plan);
      onEnded?.(job, plan);
    }
    return undefined;
  }

  /** A start time that can't be derived again must outlive this process. */
  #mustBeWrittenNow(job: GuestExecJob, status: GuestExecJobStatus): boolean {
    const suspension = (conditions: GuestExecJobStatus['conditions']) =>
      conditions?.find(({ type }) => type === 'Suspended')?.status;
    return suspension(job.status?.conditions) !== suspension(status.conditions);
  }

  #tellEnd(job: GuestExecJob, { ended, status }: Plan): void {
    const { events } = this.#options;
    if (!ended) return;
    events.record(job, {
      type: ended.type === 'Complete' ? 'Normal' : 'Warning',
      reason: ended.reason,
      note: ended.message,
      action: 'Run',
    });
    if ((status.targets ?? 0) < 2) return;
    for (const { name, phase, reason = phase, message } of (status.guests ?? []).slice(0, eventsPerJob)) {
      if (phase !== 'Failed' && phase !== 'Unknown') continue;
      events.record(job, { type: 'Warning', reason, note: `guest ${name}: ${message ?? phase}`, action: 'Run' });
    }
  }

  async #deleteJob(job: GuestExecJob, signal: AbortSignal): Promise<void> {
    const { uid } = job.metadata;
    try {
      await this.#options.cluster.delete(guestExecJobs, job.metadata, { uid, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
