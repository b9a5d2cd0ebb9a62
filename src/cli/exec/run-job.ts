import { apiVersion, type GuestExecJob, guestExecJobs } from '../../api/resources.ts';
import { createOnce, isCertainlyNotMade, removed } from '../connect/effects.ts';
import { follow } from '../connect/follow.ts';
import { Interrupted } from '../connect/interruption.ts';
import type { Session } from '../connect/session.ts';
import { freshName } from '../object-name.ts';

/** A job of its own name. */
export async function createJob(session: Session, spec: GuestExecJob['spec']): Promise<GuestExecJob> {
  const { cluster, namespace, clock, random, signal, tell } = session;
  const name = freshName('exec', random);
  const job: GuestExecJob = { apiVersion, kind: 'GuestExecJob', metadata: { name, namespace }, spec };
  try {
    return await createOnce(cluster, guestExecJobs, job, clock, signal);
  } catch (error) {
    // It may have been made after all, and run.
    const problem = isCertainlyNotMade(error) ? undefined : await removed(cluster, guestExecJobs, job.metadata, clock);
    if (problem !== undefined) tell(`job ${name} may be there, and could not be deleted: ${problem}`);
    throw error;
  }
}

/**
 * Follows a job to its end, telling `seen` of each state, and deletes it then, or when this process is to end: that
 * ends the command in the guest, too.
 */
export async function seenThrough(
  session: Session,
  job: GuestExecJob,
  seen: (job: GuestExecJob) => Promise<void> | void,
): Promise<GuestExecJob> {
  const { cluster, clock, signal, tell } = session;
  const { name } = job.metadata;
  let interrupted = false;
  try {
    return await untilOver(session, job, seen);
  } catch (error) {
    interrupted = error instanceof Interrupted || signal.aborted;
    throw error;
  } finally {
    const problem = await removed(cluster, guestExecJobs, job.metadata, clock);
    if (problem !== undefined) tell(`job ${name} could not be deleted: ${problem}`);
    else if (interrupted) tell(`interrupted: job ${name} is deleted, which ends the command where it runs`);
  }
}

/** Follows a job to its end. */
export async function untilOver(
  { cluster, clock, signal }: Session,
  { metadata }: GuestExecJob,
  seen: (job: GuestExecJob) => Promise<void> | void,
): Promise<GuestExecJob> {
  for await (const job of follow(cluster, guestExecJobs, metadata, clock, signal)) {
    if (!job) break;
    await seen(job);
    if (job.status?.completionTime !== undefined) return job;
  }
  throw new Error(`the job ${metadata.name} was deleted by somebody else`);
}
