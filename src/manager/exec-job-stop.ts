import type { GuestExecJob } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import type { Course } from './guest-course.ts';
import { scaled } from './int-or-percent.ts';

/** Why a job starts in no further guest, before every guest had its turn. */
export interface Stop {
  reason: 'FailurePolicy' | 'MaxFailuresExceeded';
  message: string;
  /** What runs is ended, too. */
  endsRunning: boolean;
}

/** Undefined while the job goes on. `targets`: how many guests the job is for. */
export function stopOf({ spec }: GuestExecJob, courses: readonly Course[], targets: number): Stop | undefined {
  const fatal = courses.find((course) => course.state === 'over' && course.failsJob);
  if (fatal) {
    const { name, reason, phase } = fatal.result;
    const message = `guest ${name} (${reason ?? phase}) fails the job, as failurePolicy says`;
    return { reason: 'FailurePolicy', message, endsRunning: true };
  }
  if (spec.maxFailures === undefined) return undefined;
  const failures = courses.filter(({ state, result }) => state === 'over' && isFailure(result)).length;
  const allowed = scaled(spec.maxFailures, targets);
  if (failures <= allowed) return undefined;
  const message = `${failures} guests failed, and maxFailures allows ${allowed}`;
  return { reason: 'MaxFailuresExceeded', message, endsRunning: false };
}

/** Whether a result that is over counts against its job. */
export function isFailure({ phase, ignored }: GuestResult): boolean {
  return phase !== 'Succeeded' && phase !== 'Skipped' && !ignored;
}
