import { expect, it } from 'vitest';
import type { GuestExecJob, GuestTask } from '../../../src/api/resources.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { ExecJobController } from '../../../src/manager/exec-job-controller.ts';
import { TaskInputs } from '../../../src/manager/task-inputs.ts';
import { sealingKeyOf } from '../../../src/sealing/sealing-key.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { SteppedClock } from '../support/rotation-world.ts';
import { aGuest, aJob } from './objects.ts';

const secret = { metadata: { name: 'db', namespace: 'team-a' }, data: { password: 'czNjcmV0' } };
const jobKey = 'team-a/job';

/** The controller of a job that takes a Secret, twenty minutes after the job began. */
function begin(names = ['web-1']) {
  const clock = new SteppedClock();
  clock.advance(20 * 60_000);
  const memory = new MemoryCluster();
  const cluster = Object.assign(memory, {
    replaceStatus: async (_: unknown, object: GuestExecJob) => void memory.objects.set(jobKey, object),
  }).cluster;
  const exec = { command: ['x'], stdinFrom: { secretKeyRef: { name: 'db', key: 'password' } } };
  memory.objects.set(jobKey, aJob({ exec, parallelism: 1 }));
  const jobOf = () => memory.objects.get(jobKey) as GuestExecJob;
  const started = () => [...memory.objects.values()].filter(({ kind }) => kind === 'GuestTask') as GuestTask[];
  const fleet = {
    tasksOf: started,
    guestsIn: () => names.map((name) => aGuest(name)),
    hostExists: () => true,
    sealingKeyOf: () => sealingKeyOf(new Uint8Array(32).fill(9)),
  };
  const controller = new ExecJobController({
    cluster,
    inputs: new TaskInputs({ cluster, operatorNamespace: 'qga-system' }),
    jobs: { get: jobOf },
    fleet,
    events: { record: () => {} } as never,
    clock: clock as never,
  });
  return {
    started,
    statusOf: () => jobOf().status,
    putSecret: () => void memory.objects.set(keyOf(secret.metadata), secret),
    dropSecret: () => void memory.objects.delete(keyOf(secret.metadata)),
    succeed(tasks: readonly GuestTask[]): void {
      for (const task of tasks) {
        memory.objects.set(keyOf(task.metadata), { ...task, status: { phase: 'Succeeded' } } as GuestTask);
      }
    },
    async look(afterMs: number): Promise<void> {
      clock.advance(afterMs);
      await controller.reconcile(jobKey, AbortSignal.timeout(5000));
    },
  };
}

it('waits for a Secret that is missing when a late turn comes, and starts when it is there', async () => {
  const { look, started, statusOf, putSecret } = begin();

  await look(0);
  await look(5000);
  const waiting = statusOf();
  putSecret();
  await look(5000);

  expect(waiting).toMatchObject({ phase: 'Waiting', guests: [{ phase: 'Pending', reason: 'InputNotFound' }] });
  expect(started()).toHaveLength(1);
});

it('gives up a Secret that stays missing, as long after it was first seen missing as a guest is waited for', async () => {
  const { look, statusOf } = begin();

  await look(0);
  await look(60_000);
  const before = statusOf();
  await look(1000);

  expect(before).toMatchObject({ phase: 'Waiting' });
  expect(statusOf()).toMatchObject({
    phase: 'Failed',
    guests: [{ phase: 'Failed', reason: 'Undeliverable', message: 'Secret team-a/db does not exist' }],
  });
});

it('counts anew for each time that it is missing', async () => {
  const { look, started, statusOf, putSecret, dropSecret, succeed } = begin(['web-1', 'web-2']);

  await look(0);
  putSecret();
  await look(5000);
  succeed(started());
  dropSecret();
  await look(600_000);
  await look(60_000);

  expect(started()).toHaveLength(1);
  expect(statusOf()).toMatchObject({ phase: 'Waiting', succeeded: 1, waiting: 1 });
});
