import { endedWithinMs, graceSecondsOf } from '../api/exec-ending.ts';
import type { GuestExecJob } from '../api/resources.ts';
import { isTrue } from '../kube/conditions.ts';
import { timestamp } from '../seams/clock.ts';
import { deadlineMs } from './instants.ts';
import { graceMs } from './task-fate.ts';

const defaultStartingDeadlineSeconds = 60;

export interface Deadlines {
  /** Until when missing, silent or stopped guests are waited for. */
  starting: number;
  /** Until when the job may take. */
  active: number | undefined;
  /** Until when it is waited for how the agents ended what still ran then. */
  ending: number;
  /** The same of hosts that nothing is heard from. */
  endingSilent: number;
}

/**
 * When the job's clocks start; while it is suspended none runs, and they start anew when it is let go, as a Job's do. A
 * job that was never suspended starts with its creation, so that a manager that died before it wrote anything changes
 * nothing.
 */
export function startOf({ status, spec, metadata }: GuestExecJob, now: number): number | undefined {
  if (spec.suspend) return undefined;
  if (isTrue(status?.conditions, 'Suspended')) return now;
  return Date.parse(status?.startTime ?? metadata.creationTimestamp ?? timestamp(now));
}

export function deadlinesOf(job: GuestExecJob, startTime: number | undefined): Deadlines {
  const never = Number.POSITIVE_INFINITY;
  if (startTime === undefined) return { starting: never, active: undefined, ending: never, endingSilent: never };
  const { activeDeadlineSeconds, exec } = job.spec;
  const active = activeDeadlineSeconds === undefined ? undefined : startTime + deadlineMs(activeDeadlineSeconds);
  const endingSilent = (active ?? never) + graceMs;
  const ending = endingSilent + endedWithinMs(graceSecondsOf(exec));
  return { starting: startTime + startingDeadlineMs(job), active, ending, endingSilent };
}

/** How long a guest that can't be reached is waited for. */
export function startingDeadlineMs({ spec }: GuestExecJob): number {
  return deadlineMs(spec.startingDeadlineSeconds ?? defaultStartingDeadlineSeconds);
}

/** How long after its end the job deletes itself; undefined: never. */
export function ttlMs({ spec }: GuestExecJob): number | undefined {
  const { ttlSecondsAfterFinished } = spec;
  return ttlSecondsAfterFinished === undefined ? undefined : ttlSecondsAfterFinished * 1000;
}
