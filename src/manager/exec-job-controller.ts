import { isDeepStrictEqual } from 'node:util';
import { type Guest, type GuestExecJob, type GuestTask, guestExecJobs, guestTasks } from '../api/resources.ts';
import type { GuestExecJobStatus } from '../api/schema/guest-exec-job.ts';
import type { Cluster } from '../kube/cluster.ts';
import { setCondition } from '../kube/conditions.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import type { ObjectKey } from '../kube/objects.ts';
import { type Clock, timestamp } from '../seams/clock.ts';
import { type Plan, planExecJob } from './exec-job-plan.ts';
import { isTargeted } from './job-target.ts';

export interface ExecJobControllerOptions {
  cluster: Cluster;
  jobs: { get(key: ObjectKey): GuestExecJob | undefined };
  /** The tasks made for an owner, by its uid. */
  tasksOf(ownerUid: string): readonly GuestTask[];
  guestsIn(namespace: string): readonly Guest[];
  events: EventRecorder;
  clock: Clock;
  onEnded?(job: GuestExecJob, plan: Plan): void;
}

/** A status is written at most this often while a job goes on; its end is written at once. */
const statusPaceMs = 1000;
/** A job that ends sooner than this costs one status write. */
const firstStatusMs = 300;
/** Failing guests that get an event of their own. */
const eventsPerJob = 10;

/** Makes a job's tasks and tells in its status how they fare. */
export class ExecJobController {
  readonly #options: ExecJobControllerOptions;
  /** When each job's status was last written, on the monotonic clock. */
  readonly #wroteAt = new Map<string, number>();
  /** Tasks made that the cache may not show yet: the plan must count them as made. */
  readonly #made = new Map<string, Map<string, GuestTask>>();

  constructor(options: ExecJobControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { jobs, guestsIn, clock } = this.#options;
    const job = jobs.get(key);
    const uid = job?.metadata.uid;
    if (!job || !uid || job.metadata.deletionTimestamp) return {};

    const plan = planExecJob({
      job,
      guests: guestsIn(job.metadata.namespace ?? '').filter((guest) => isTargeted(guest, job.spec.target)),
      tasks: this.#tasksOf(uid),
      now: clock.now(),
    });
    if (plan.deleteJob) {
      await this.#deleteJob(job, signal);
      return {};
    }
    await Promise.all(plan.create.map((task) => this.#create(uid, task, signal)));
    for (const task of plan.giveUp) await this.#giveUp(task, signal);
    const statusDueMs = await this.#writeStatus(job, plan, signal);
    if (plan.ended) {
      this.#made.delete(uid);
      this.#wroteAt.delete(uid);
    }
    const next = Math.min(statusDueMs ?? Number.POSITIVE_INFINITY, plan.lookAgainMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  }

  /** What the cache shows, and what was made a moment ago and is on its way into it. */
  #tasksOf(uid: string): GuestTask[] {
    const cached = this.#options.tasksOf(uid);
    const made = this.#made.get(uid);
    if (!made) return [...cached];
    for (const task of cached) made.delete(task.metadata.name);
    if (made.size === 0) this.#made.delete(uid);
    return [...cached, ...made.values()];
  }

  async #create(uid: string, task: GuestTask, signal: AbortSignal): Promise<void> {
    let created = task;
    try {
      created = await this.#options.cluster.create(guestTasks, task, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const made = this.#made.get(uid) ?? new Map<string, GuestTask>();
    this.#made.set(uid, made.set(task.metadata.name, created));
  }

  /** On behalf of a host that is gone. Conditional on what was seen: an agent that claims it now wins. */
  async #giveUp(task: GuestTask, signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#options;
    const now = clock.now();
    const message = `the agent of host ${task.spec.nodeName} did not take the task in time`;
    const ending = { reason: 'Undeliverable', message };
    const conditions = setCondition(task.status?.conditions ?? [], { type: 'Failed', status: 'True', ...ending }, now);
    const status = { ...task.status, phase: 'Failed' as const, ...ending, completionTime: timestamp(now), conditions };
    try {
      await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  /** Writes what changed, if it is time to; returns in how many milliseconds it will be. */
  async #writeStatus(job: GuestExecJob, plan: Plan, signal: AbortSignal): Promise<number | undefined> {
    const { cluster, clock, onEnded } = this.#options;
    if (isDeepStrictEqual(job.status, plan.status)) return undefined;
    const uid = job.metadata.uid as string;
    const now = clock.monotonic();
    if (!plan.ended && !this.#mustBeWrittenNow(job, plan.status)) {
      const last = this.#wroteAt.get(uid);
      if (last === undefined) {
        // The first look at a job: most end before anybody could read that they run.
        this.#wroteAt.set(uid, now - statusPaceMs + firstStatusMs);
        return firstStatusMs;
      }
      if (now - last < statusPaceMs) return statusPaceMs - (now - last);
    }
    await cluster.replaceStatus(guestExecJobs, { ...job, status: plan.status }, { signal });
    this.#wroteAt.set(uid, now);
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
