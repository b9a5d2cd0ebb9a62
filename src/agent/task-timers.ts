import { type GuestTask, guestTasks } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { Logger } from '../observability/log.ts';
import type { Clock } from '../seams/clock.ts';

/** A task's deadline came while it ran. */
export class DeadlineReached extends Error {
  override readonly name = 'DeadlineReached';
}

/** Aborts with DeadlineReached at the task's deadline; never where it has none. */
export function deadlineOf(task: GuestTask, clock: Clock): { signal: AbortSignal; cancel(): void } {
  const controller = new AbortController();
  const { deadline } = task.spec;
  if (deadline === undefined) return { signal: controller.signal, cancel: () => {} };
  const expire = () => controller.abort(new DeadlineReached());
  return { signal: controller.signal, cancel: clock.after(Date.parse(deadline) - clock.now(), expire) };
}

/** What runs longer than this is shown as running: shorter commands cost no write for it. */
const showRunningAfterMs = 2000;

export interface RunningNotice {
  cancel(): void;
  /** The task as last written. */
  latest(): Promise<GuestTask>;
}

/** Writes `Running` into the status of a task that runs long enough for somebody to look. */
export function noticeRunning(
  task: GuestTask,
  { cluster, clock, logger, signal }: { cluster: Cluster; clock: Clock; logger: Logger; signal: AbortSignal },
): RunningNotice {
  let latest = Promise.resolve(task);
  const write = async () => {
    try {
      const status = { ...task.status, phase: 'Running' as const };
      return await cluster.replaceStatus(guestTasks, { ...task, status }, { signal });
    } catch (error) {
      logger.debug({ err: error, task: task.metadata.uid }, 'could not show the task as running');
      return task;
    }
  };
  const cancel = clock.after(showRunningAfterMs, () => {
    latest = write();
  });
  return { cancel, latest: () => latest };
}

/** Tasks that wait a while after a try that came to nothing, whatever wakes them meanwhile. */
export class Pauses {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(uid: string, ms: number): void {
    this.#until.set(uid, this.#clock.monotonic() + ms);
  }

  /** How many milliseconds a task still waits; 0 or less: it doesn't. */
  left(uid: string): number {
    const left = (this.#until.get(uid) ?? 0) - this.#clock.monotonic();
    if (left <= 0) this.#until.delete(uid);
    return left;
  }

  forget(uid: string): void {
    this.#until.delete(uid);
  }
}
