import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GuestTask, guestTasks } from '../../../../src/api/resources.ts';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import { type ControlPlane, startControlPlane } from '../../../harness/control-plane.ts';
import { testFolder } from '../../../harness/fixtures.ts';
import { baseManifests } from '../../../harness/vitest/shared.ts';
import { connect } from '../../kube/support.ts';
import { installedChart, untilRefused } from '../support.ts';
import { forbidden, newTask } from './support.ts';

// A control plane of its own: on the shared one, the releases of other files let only their own managers move a task.
const folder = testFolder();
let controlPlane: ControlPlane;
beforeAll(async () => {
  controlPlane = await startControlPlane({ dir: folder('cp'), manifests: baseManifests });
});
afterAll(async () => {
  await controlPlane?.stop();
});
const release = installedChart({}, () => controlPlane);
const namespace = 'team-a';
const [mine, other] = ['hv1', 'hv2'] as const;

let admin: Cluster;
/** The agent of `mine`, with the token that a pod there would be given. */
let agent: Cluster;
let manager: Cluster;

const onlyTheManager = 'follows its guest to another host by the manager only';
const move = { spec: { nodeName: mine, moves: 1 } };

beforeAll(async () => {
  await controlPlane.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: mine } });
  admin = await connect(controlPlane.kubeconfig);
  agent = await release.clientOf(`${release.name}-agent`, mine);
  manager = await release.clientOf(`${release.name}-manager`);
  // Of another task each time: one that was moved is not moved by the same patch again.
  await untilRefused(async () => admin.mergePatch(guestTasks, (await taskOn(other)).metadata, move), onlyTheManager);
});

async function taskOn(nodeName: string): Promise<GuestTask> {
  return await admin.create(guestTasks, newTask(namespace, nodeName));
}

describe('a task whose guest moved', () => {
  it('is bound to another host by the manager', async () => {
    expect((await manager.mergePatch(guestTasks, (await taskOn(other)).metadata, move)).spec).toMatchObject(move.spec);
  });

  it('is bound to another host by nobody else', async () => {
    const { metadata } = await taskOn(other);

    await expect(admin.mergePatch(guestTasks, metadata, move)).rejects.toMatchObject(forbidden(onlyTheManager));
    await expect(agent.mergePatch(guestTasks, metadata, move)).rejects.toMatchObject({ code: 403 });
  });
});
