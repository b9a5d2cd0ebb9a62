import { hasReferences } from '../api/action-inputs.ts';
import { type Guest, type GuestExecJob, type GuestTask, guestExecJobs } from '../api/resources.ts';
import type { GuestExecJobStatus } from '../api/schema/guest-exec-job.ts';
import type { Cluster } from '../kube/cluster.ts';
import { findCondition } from '../kube/conditions.ts';
import { isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { ObjectMemory } from '../kube/object-memory.ts';
import type { ObjectKey } from '../kube/objects.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { Clock } from '../seams/clock.ts';
import { type Observed, type Plan, planExecJob } from './exec-job-plan.ts';
import type { Fleet } from './fleet.ts';
import { OwnedTasks } from './owned-tasks.ts';
import { PacedStatus } from './paced-status.ts';
import type { Obstacle } from './reachability.ts';
import { isTargeted } from './target.ts';
import { noSealingKey } from './task-binder.ts';
import { isInputProblem, type TaskInputs } from './task-inputs.ts';
import { sealTask } from './task-sealer.ts';

export interface ExecJobControllerOptions {
  cluster: Cluster;
  inputs: TaskInputs;
  jobs: { get(key: ObjectKey): GuestExecJob | undefined };
  fleet: Pick<Fleet, 'tasksOf' | 'guestsIn' | 'hostExists' | 'sealingKeyOf'>;
  events: EventRecorder;
  clock: Clock;
  onEnded?(job: GuestExecJob, plan: Plan): void;
}

/** Failing guests that get an event of their own. */
const eventsPerJob = 10;

/** More would keep the leader's Lease and everybody else's requests waiting. */
const createAtOnce = 100;
/** A Secret that is missing may come. */
const inputsLookAgainMs = 5000;

/** What is remembered of a job. */
interface JobMemory {
  tasks: OwnedTasks;
  status: PacedStatus<GuestExecJob>;
  /** Since when its inputs can't be had, in milliseconds since the epoch; looked at only while a task is to be made. */
  hinderedSince?: number | undefined;
}

/** Makes a job's tasks and tells in its status how they fare. */
export class ExecJobController {
  readonly #options: ExecJobControllerOptions;
  readonly #memory: ObjectMemory<JobMemory>;

  constructor(options: ExecJobControllerOptions) {
    this.#options = options;
    const { cluster, clock, fleet } = options;
    this.#memory = new ObjectMemory<JobMemory>(() => ({
      tasks: new OwnedTasks({ cluster, owners: guestExecJobs, clock, cached: fleet.tasksOf }),
      status: new PacedStatus({ cluster, clock, resource: guestExecJobs }),
    }));
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { jobs, fleet, clock } = this.#options;
    const job = jobs.get(key);
    if (!job || job.metadata.deletionTimestamp) {
      this.#memory.forget(key);
      return {};
    }
    const memory = this.#memory.of(key, job);
    const { tasks, status } = memory;
    const observed: Observed = {
      job,
      guests: fleet.guestsIn(job.metadata.namespace ?? '').filter((guest) => isTargeted(guest, job.spec.target)),
      tasks: tasks.of(job),
      hostExists: fleet.hostExists,
      now: clock.now(),
    };
    const { plan, create } = await this.#planWithInputs(observed, memory, signal);
    if (plan.deleteJob) {
      await this.#deleteJob(job, signal);
      return {};
    }
    await Promise.all(create.map((task) => tasks.make(task, signal)));
    for (const each of plan.giveUp) await tasks.giveUp(each, signal);
    await Promise.all(plan.release.slice(0, createAtOnce).map((task) => tasks.change(task, { release: true }, signal)));
    // The rest first: a status now would count them as waiting.
    if (create.length < plan.create.length) return { requeueAfterMs: 1 };
    const atOnce = plan.ended !== undefined || mustBeWrittenNow(job, plan.status);
    const { written, dueMs } = await status.write(job, plan.status, atOnce, signal);
    if (written) this.#tellEnd(job, plan);
    if (plan.ended) this.#memory.forget(key);
    const next = Math.min(dueMs ?? Number.POSITIVE_INFINITY, plan.lookAgainMs ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  }

  /** The plan, and the tasks to make now, with what they take from ConfigMaps and Secrets sealed to their nodes. */
  async #planWithInputs(
    observed: Observed,
    memory: JobMemory,
    signal: AbortSignal,
  ): Promise<{ plan: Plan; create: GuestTask[] }> {
    const { inputs: taskInputs, fleet } = this.#options;
    const { spec, metadata } = observed.job;
    const action = { exec: spec.exec };
    if (!hasReferences(action)) return begun(planExecJob(observed));
    const hindrance = ({ status }: Guest) => (fleet.sealingKeyOf(status?.node ?? '') ? undefined : noKey(status?.node));
    const { plan, create } = begun(planExecJob({ ...observed, hindrance }));
    const inputs = create.length > 0 ? await taskInputs.read(metadata.namespace ?? '', action, { signal }) : undefined;
    if (inputs && isInputProblem(inputs)) {
      memory.hinderedSince ??= observed.now;
      const problem = { ...inputs, since: memory.hinderedSince };
      const hindered = planExecJob({ ...observed, hindrance: () => problem });
      const lookAgainMs = Math.min(hindered.lookAgainMs ?? inputsLookAgainMs, inputsLookAgainMs);
      return begun({ ...hindered, lookAgainMs });
    }
    memory.hinderedSince = undefined;
    if (!inputs) return { plan, create };
    const seal = (task: GuestTask) =>
      sealTask(task, inputs, fleet.sealingKeyOf(task.spec.nodeName ?? '') as SealingKey);
    return { plan, create: await Promise.all(create.map(seal)) };
  }

  #tellEnd(job: GuestExecJob, plan: Plan): void {
    const { events, onEnded } = this.#options;
    const { ended, status } = plan;
    if (!ended) return;
    onEnded?.(job, plan);
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

/** A start time that can't be derived again must outlive this process. */
function mustBeWrittenNow(job: GuestExecJob, status: GuestExecJobStatus): boolean {
  const suspension = (conditions: GuestExecJobStatus['conditions']) => findCondition(conditions, 'Suspended')?.status;
  return suspension(job.status?.conditions) !== suspension(status.conditions);
}

/** As many of a plan's tasks as are made in one go. */
function begun(plan: Plan): { plan: Plan; create: GuestTask[] } {
  return { plan, create: plan.create.slice(0, createAtOnce) };
}

function noKey(node: string | undefined): Obstacle {
  return { reason: 'NoSealingKey', message: noSealingKey(node) };
}
