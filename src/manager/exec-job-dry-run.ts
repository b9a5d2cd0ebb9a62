import { listed } from '../api/listed.ts';
import type { Guest, GuestExecJob } from '../api/resources.ts';
import type { GuestExecJobStatus, GuestResult } from '../api/schema/guest-exec-job.ts';
import { endOfJob, type JobEnd, jobStatus } from './exec-job-status.ts';
import { missingGuest, resultWithoutTask } from './guest-fate.ts';
import { type Obstacle, obstacle } from './reachability.ts';

/** Who would run and who would not, as things stand now, as the end of the job. */
export function dryRun(
  job: GuestExecJob,
  guests: readonly Guest[],
  now: number,
): { status: GuestExecJobStatus; ended: JobEnd } {
  const results = guests.map((guest) => wouldBe(guest, obstacle(guest, { exec: job.spec.exec })));
  if (results.length === 0 && job.spec.target.guestName !== undefined) results.push(missingGuest(job, true));
  const ended = guests.length > 0 ? endOfDryRun(results) : (endOfJob(job, results, undefined) as JobEnd);
  const input = { now, startTime: now, suspended: false, ended, waitsUntil: now };
  return { status: jobStatus(job, results, [], input), ended };
}

function wouldBe(guest: Guest, blocked: Obstacle | undefined): GuestResult {
  const result = { ...resultWithoutTask(guest), phase: 'Skipped' as const };
  if (!blocked) return { ...result, reason: 'WouldRun', message: 'the command would be started now' };
  const what = blocked.permanent ? 'would fail' : 'would be waited for';
  return { ...result, reason: blocked.reason, message: `${what}: ${blocked.message}` };
}

function endOfDryRun(results: readonly GuestResult[]): JobEnd {
  const not = results.filter(({ reason }) => reason !== 'WouldRun');
  const named = listed(not.map(({ name, reason }) => `${name} (${reason})`));
  const message = `dry run: would start in ${results.length - not.length} of ${results.length} guests now`;
  return {
    type: 'Complete',
    reason: 'DryRun',
    message: not.length > 0 ? `${message}, not in ${named}` : message,
  };
}
