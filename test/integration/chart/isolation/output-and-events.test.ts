import { beforeAll, describe, expect, it } from 'vitest';
import { outputName } from '../../../../src/agent/output-name.ts';
import { apiVersion, type GuestTask, guestTasks } from '../../../../src/api/resources.ts';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import {
  type ConfigMap,
  configMaps,
  type KubeEvent,
  kubeEvents,
  type Secret,
  secrets,
} from '../../../../src/kube/core-resources.ts';
import type { ObjectMeta, Resource } from '../../../../src/kube/objects.ts';
import { sharedCluster, testNamespace } from '../../../harness/fixtures.ts';
import { connect } from '../../kube/support.ts';
import { installedChart, testNodes, untilRefused } from '../support.ts';
import { boundToNoNode, forbidden, fresh, newTask } from './support.ts';

interface Output extends ConfigMap {
  immutable: boolean;
}
const outputs = configMaps as Resource<Output>;

const release = installedChart();
const namespace = testNamespace();
const [mine, other] = testNodes(2) as [string, string];

let admin: Cluster;
/** The agent of `mine`, with the token that a pod there would be given. */
let agent: Cluster;
let parts = 0;

beforeAll(async () => {
  admin = await connect(sharedCluster().kubeconfig);
  agent = await release.clientOf(`${release.name}-agent`, mine);
  const unbound = await release.clientOf(`${release.name}-agent`);
  const task = await taskOn(other);
  await Promise.all([
    untilRefused(() => unbound.create(outputs, output(task)), boundToNoNode),
    untilRefused(() => unbound.create(kubeEvents, eventOf()), boundToNoNode),
  ]);
});

async function taskOn(nodeName: string, name?: string): Promise<GuestTask> {
  return await admin.create(guestTasks, newTask(namespace, nodeName, name));
}

/** Long output of a task, as an agent may write it. */
function output({ metadata }: GuestTask, changes: Partial<ObjectMeta> = {}): Output {
  const owner = { apiVersion, kind: 'GuestTask', name: metadata.name, uid: metadata.uid as string };
  const name = outputName(metadata, 'stdout', (parts += 1));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { 'qga.dev/output': 'stdout' }, ownerReferences: [owner], ...changes },
    binaryData: { data: 'aGVsbG8=' },
    immutable: true,
  };
}

function secretOutput(task: GuestTask, type: string): Secret {
  const { binaryData = {}, ...rest } = output(task);
  return { ...rest, kind: 'Secret', type, data: binaryData };
}

function eventOf(changes: Partial<KubeEvent> = {}): KubeEvent {
  const name = fresh('event');
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'qga.dev/agent',
    reportingInstance: mine,
    action: 'Freeze',
    reason: 'Frozen',
    type: 'Normal',
    note: 'frozen',
    regarding: { apiVersion, kind: 'Guest', name: 'web-1', namespace },
    ...changes,
  };
}

describe('an agent and output', () => {
  it('writes it into ConfigMaps and Secrets of our type', async () => {
    const task = await taskOn(mine);

    const longNamed = await taskOn(mine, 'x'.repeat(253));

    await agent.create(outputs, output(task));
    await agent.create(outputs, output(longNamed));
    await agent.create(secrets, secretOutput(task, 'qga.dev/output'));
  });

  it('may not create anything else', async () => {
    const task = await taskOn(mine);
    const owners = output(task).metadata.ownerReferences ?? [];
    const foreign = owners.map((owner) => ({ ...owner, apiVersion: 'v1', kind: 'ConfigMap' }));

    const named = (name: string) => owners.map((owner) => ({ ...owner, name }));

    for (const [object, sentence] of [
      [output(task, { labels: {} }), 'may create output only'],
      [{ ...output(task), immutable: false }, 'must be immutable'],
      [output(task, { ownerReferences: [] }), 'is owned by the GuestTask'],
      [output(task, { ownerReferences: foreign }), 'is owned by the GuestTask'],
      [output(task, { name: fresh('kube-root-ca') }), 'is named after it'],
      [output(task, { name: 'deploy-script', ownerReferences: named('d') }), 'is named after it'],
      [output(task, { name: `${outputName(task.metadata, 'stdout', 0)}x` }), 'is named after it'],
      [output(task, { name: `${task.metadata.name}-00000000-stdout-0` }), 'is named after it'],
      [{ ...output(task), binaryData: { 'run.sh': 'aGVsbG8=' } }, 'bytes under the key data'],
      [{ ...output(task), data: { 'run.sh': 'reboot' } }, 'bytes under the key data'],
      [output(task, { labels: { 'qga.dev/output': '', grafana_dashboard: '1' } }), 'labels and annotations of qga.dev'],
      [output(task, { annotations: { 'other.dev/act': 'now' } }), 'labels and annotations of qga.dev'],
    ] as const) {
      await expect(agent.create(outputs, object)).rejects.toMatchObject(forbidden(sentence));
    }
    await expect(agent.create(secrets, secretOutput(task, 'Opaque'))).rejects.toMatchObject(
      forbidden('may create output only'),
    );
    const password = { ...secretOutput(task, 'qga.dev/output'), data: { password: 'aGVsbG8=' } };
    await expect(agent.create(secrets, password)).rejects.toMatchObject(forbidden('bytes under the key data'));
  });

  it('reads no Secret, no ConfigMap, and not even what it wrote', async () => {
    const task = await taskOn(mine);
    const written = await agent.create(secrets, secretOutput(task, 'qga.dev/output'));

    for (const resource of [secrets, configMaps]) {
      await expect(agent.get(resource, written.metadata)).rejects.toMatchObject({ code: 403 });
      await expect(agent.list(resource)).rejects.toMatchObject({ code: 403 });
      await expect(agent.list(resource, { namespace: release.name })).rejects.toMatchObject({ code: 403 });
      await expect(agent.delete(resource, written.metadata)).rejects.toMatchObject({ code: 403 });
    }
  });
});

describe('an agent and Events', () => {
  const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };

  it('tells of what it does, and that it did it again', async () => {
    const { metadata } = await agent.create(kubeEvents, eventOf());

    await agent.mergePatch(kubeEvents, metadata, { series });
  });

  it('may not speak for another host nor for another program, nor change what these said', async () => {
    const sentence = `the agent of ${mine} may write its own Events only`;

    for (const strange of [{ reportingInstance: other }, { reportingController: 'qga.dev/manager' }]) {
      await expect(agent.create(kubeEvents, eventOf(strange))).rejects.toMatchObject(forbidden(sentence));
      const { metadata } = await admin.create(kubeEvents, eventOf(strange));
      await expect(agent.mergePatch(kubeEvents, metadata, { series })).rejects.toMatchObject(forbidden(sentence));
    }
  });
});
