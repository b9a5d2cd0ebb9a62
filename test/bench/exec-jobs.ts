import { type GuestExecJob, guestExecJobs } from '../../src/api/resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { reflect } from '../../src/kube/reflector.ts';
import { createLogger } from '../../src/observability/log.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';

/** Creates jobs of `true` and sees by a watch when they are over. */
export interface ExecJobs {
  /** Resolves when the job's Complete=True is seen. Rejects when it fails. */
  run(target: GuestExecJob['spec']['target'], more?: Partial<GuestExecJob['spec']>): Promise<void>;
  /** Ends the watch. */
  close(): Promise<void>;
}

const namespace = 'default';

/** Begins to watch; resolves when no job can be missed any more. */
export async function watchExecJobs(kubeconfig: string): Promise<ExecJobs> {
  const endpoint = await loadEndpoint(kubeconfig, systemClock);
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const ending = new AbortController();
  let count = 0;

  function look(job: GuestExecJob): void {
    const { name } = job.metadata;
    const waiter = waiting.get(name);
    const end = job.status?.conditions?.find(
      ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
    );
    if (!waiter || !end) return;
    waiting.delete(name);
    if (end.type === 'Complete') waiter.resolve();
    else waiter.reject(new Error(`job ${name} failed: ${end.message}`));
  }
  const listed = Promise.withResolvers<void>();
  const watching = reflect(
    {
      cluster,
      resource: guestExecJobs,
      selection: { namespace },
      clock: systemClock,
      random: systemRandom,
      logger: createLogger('error', { component: 'bench' }),
      onList(jobs) {
        for (const job of jobs) look(job);
        listed.resolve();
      },
      onEvent: ({ object }) => look(object),
    },
    ending.signal,
  );
  await listed.promise;

  return {
    async run(target, more = {}) {
      const name = `true-${Date.now().toString(36)}-${(count += 1)}`;
      const waiter = Promise.withResolvers<void>();
      waiting.set(name, waiter);
      const { group, version, kind } = guestExecJobs;
      await cluster.create(guestExecJobs, {
        apiVersion: `${group}/${version}`,
        kind,
        metadata: { name, namespace },
        spec: {
          target,
          exec: { command: ['true'] },
          parallelism: 10,
          startingDeadlineSeconds: 60,
          activeDeadlineSeconds: 120,
          ...more,
        },
      });
      await waiter.promise;
    },
    async close() {
      ending.abort();
      await watching;
      await cluster.close();
    },
  };
}
