import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersion, type GuestHost, type GuestTask, hostLabel } from '../../../src/api/resources.ts';
import { tokenKubeconfig } from '../../harness/account.ts';
import { type ControlPlane, startControlPlane } from '../../harness/control-plane.ts';
import { eventually } from '../../harness/eventually.ts';
import { testFolder } from '../../harness/fixtures.ts';
import { chart, helm } from '../../harness/helm.ts';
import { type LogLine, type OperatorProcess, startManager } from '../../harness/operator.ts';
import { repository } from '../../harness/vitest/shared.ts';

// A control plane of its own: managers of other files, who may do everything, would do the work of this one.
const folder = testFolder();
const namespace = 'qga-system';
const uuid = '00000000-0000-4000-8000-000000000001';
let cluster: ControlPlane;
let manager: OperatorProcess;

beforeAll(async () => {
  cluster = await startControlPlane({ dir: folder('cp'), manifests: [`${repository}/crds`] });
  const { kubeconfig } = cluster;
  const args = ['--create-namespace'];
  await helm(['install', 'qga-operator', chart], { kubeconfig, namespace, values: { crds: { install: false } }, args });
  const token = await cluster.kubectl('create', 'token', 'qga-operator-manager', '-n', namespace);
  const limited = await tokenKubeconfig(kubeconfig, token, folder('manager.kubeconfig'));
  manager = await startManager({ kubeconfig: limited, dir: folder(), args: [`--namespace=${namespace}`] });
  await manager.waitReady();
});
afterAll(async () => {
  await manager?.kill();
  await cluster?.stop();
});

async function until<T>(read: () => Promise<T>, test: (object: T) => boolean, what: string): Promise<T> {
  return await eventually(
    async () => {
      const object = await read();
      return test(object) ? object : undefined;
    },
    { what, timeoutMs: 30_000, intervalMs: 200, hint: () => JSON.stringify(manager.logs().slice(-5)) },
  );
}

/** An API server that has just learned of a kind asks to come again later, or to list anew: that is no lack of rights. */
function isForNow({ err }: LogLine): boolean {
  return [410, 429].includes((err as { code?: number } | undefined)?.code ?? 0);
}

async function patchStatus(resource: string, name: string, status: object): Promise<void> {
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await cluster.kubectl('patch', resource, name, '-n', 'default', ...patch);
}

it("does a manager's whole work with the rights that the chart gives it", async () => {
  const { apply, get, kubectl } = cluster;
  const condition = { status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const conditions = ['Running', 'AgentConnected'].map((type) => ({ ...condition, type }));
  const lease = {
    holderIdentity: 'journal',
    leaseDurationSeconds: 1,
    renewTime: new Date().toISOString().replace('Z', '000Z'),
  };
  await apply(
    { apiVersion, kind: 'Guest', metadata: { name: 'web-1', namespace: 'default' } },
    { apiVersion, kind: 'GuestHost', metadata: { name: 'hv1' } },
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'qga-host-hv1', namespace, labels: { [hostLabel]: 'hv1' } },
      spec: lease,
    },
  );
  const domain = { uuid, name: 'web-1', state: 'running', persistent: true };
  await patchStatus('guest', 'web-1', { node: 'hv1', domain, conditions });

  // A job: its task, its status, its event, and its end.
  const target = { guestName: 'web-1' };
  const exec = { command: ['true'] };
  await apply({
    apiVersion,
    kind: 'GuestExecJob',
    metadata: { name: 'job', namespace: 'default' },
    spec: { target, exec, ttlSecondsAfterFinished: 1 },
  });
  const path = ['get', 'guesttasks', '-n', 'default', '-o', 'name'];
  const task = await until(() => kubectl(...path), Boolean, 'a task of the job');
  await patchStatus('guesttask', task.trim().replace(/^.*\//, ''), { phase: 'Succeeded', reason: 'Completed' });
  await until(
    () =>
      kubectl(
        'get',
        'events',
        '-n',
        'default',
        '-o',
        'jsonpath={.items[*].regarding.kind}{.items[*].involvedObject.kind}',
      ),
    (kinds) => kinds.includes('GuestExecJob'),
    'the event of the job',
  );
  await expect(
    kubectl('wait', '--for=delete', 'guestexecjob/job', '-n', 'default', '--timeout=20s'),
  ).resolves.toBeDefined();

  // A task that a person made: bound, as a scheduler binds a pod.
  const action = { exec };
  await apply({
    apiVersion,
    kind: 'GuestTask',
    metadata: { name: 'task', namespace: 'default' },
    spec: { guestName: 'web-1', action },
  });
  await until(
    () => get<GuestTask>('guesttask', 'task', 'default'),
    ({ spec }) => spec.nodeName === 'hv1',
    'the task to be bound',
  );

  // A host that falls silent.
  await patchStatus('guesthost', 'hv1', {
    lease: { namespace, name: 'qga-host-hv1' },
    conditions: [{ ...condition, type: 'Ready' }],
  });
  await until(
    () => get<GuestHost>('guesthost', 'hv1'),
    ({ status }) => status?.conditions?.[0]?.status === 'Unknown',
    'the host to be called silent',
  );

  const troubles = manager.logs().filter(({ level }) => level === 'warn' || level === 'error');
  expect(troubles.filter((trouble) => !isForNow(trouble))).toEqual([]);
});
