import { apiVersion, type GuestExecJob, guestExecJobs, guestTasks } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { Random } from '../seams/random.ts';

export interface ExecRequest {
  guest: string;
  namespace: string;
  command: string[];
  /** How long the command may take. */
  timeoutSeconds: number;
}

export interface ExecOutput {
  stdout: Buffer;
  stderr: Buffer;
  exitCode?: number | undefined;
  signal?: number | undefined;
  /** What a person must know beside the output. */
  problem?: string | undefined;
}

/** The job goes this long after it ended, unless this program is gone before it could delete it. */
const leftoverSeconds = 600;

/**
 * Runs a command in one guest by a GuestExecJob of its own, which is deleted in the end. When the signal aborts the job
 * is deleted too; a command that has started goes on in the guest.
 */
export async function execInGuest(
  cluster: Cluster,
  { guest, namespace, command, timeoutSeconds }: ExecRequest,
  random: Random,
  signal: AbortSignal,
): Promise<ExecOutput> {
  const job: GuestExecJob = await cluster.create(guestExecJobs, {
    apiVersion,
    kind: 'GuestExecJob',
    metadata: { name: `exec-${random.uuid()}`, namespace },
    spec: {
      target: { guestName: guest },
      exec: { command },
      parallelism: 1,
      startingDeadlineSeconds: Math.min(timeoutSeconds, 60),
      activeDeadlineSeconds: timeoutSeconds,
      ttlSecondsAfterFinished: leftoverSeconds,
    },
  });
  try {
    return await outputOf(cluster, await untilEnded(cluster, job, signal));
  } finally {
    await cluster.delete(guestExecJobs, job.metadata);
  }
}

async function untilEnded(cluster: Cluster, job: GuestExecJob, signal: AbortSignal): Promise<GuestExecJob> {
  const { namespace, name } = job.metadata;
  const selection = { namespace, fieldSelector: `metadata.name=${name}`, signal };
  for (;;) {
    const { items, resourceVersion } = await cluster.list(guestExecJobs, selection);
    const now = items[0];
    if (!now) throw new Error(`the job ${name} was deleted by somebody else`);
    if (now.status?.completionTime) return now;
    for await (const event of cluster.watch(guestExecJobs, { ...selection, resourceVersion })) {
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') throw new Error(`the job ${name} was deleted by somebody else`);
      if (event.object.status?.completionTime) return event.object;
    }
  }
}

async function outputOf(cluster: Cluster, job: GuestExecJob): Promise<ExecOutput> {
  const result: GuestResult | undefined = job.status?.guests?.[0];
  const { taskName } = result ?? {};
  const task = taskName
    ? await cluster.get(guestTasks, { namespace: job.metadata.namespace, name: taskName })
    : undefined;
  const { stdout, stderr, stdoutBase64, stderrBase64 } = task?.status?.exec ?? {};
  const told = result?.reason === 'Completed' || result?.reason === 'NonZeroExit';
  return {
    stdout: stdoutBase64 ? Buffer.from(stdoutBase64, 'base64') : Buffer.from(stdout ?? ''),
    stderr: stderrBase64 ? Buffer.from(stderrBase64, 'base64') : Buffer.from(stderr ?? ''),
    exitCode: result?.exitCode,
    signal: result?.signal,
    problem: told ? undefined : `${result?.reason}: ${result?.message}`,
  };
}
