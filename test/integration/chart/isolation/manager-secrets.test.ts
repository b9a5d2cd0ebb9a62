import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  apiVersion,
  type PasswordRotation,
  passwordRotationLabel,
  passwordRotations,
} from '../../../../src/api/resources.ts';
import { passwordRotationSpec } from '../../../../src/api/schema/password-rotation.ts';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import { secrets } from '../../../../src/kube/core-resources.ts';
import { newSecret, pendingPatch, promotionPatch, templatePatch } from '../../../../src/manager/rotation-patches.ts';
import { annotations, readSecret } from '../../../../src/manager/rotation-secret.ts';
import { sharedCluster, testNamespace } from '../../../harness/fixtures.ts';
import { connect } from '../../kube/support.ts';
import { installedChart, untilRefused } from '../support.ts';
import { forbidden, fresh, someonesSecret } from './support.ts';

const release = installedChart();
const namespace = testNamespace();

let admin: Cluster;
let manager: Cluster;

beforeAll(async () => {
  admin = await connect(sharedCluster().kubeconfig);
  manager = await release.clientOf(`${release.name}-manager`);
  const { metadata } = await admin.create(secrets, someonesSecret(namespace));
  await untilRefused(() => manager.mergePatch(secrets, metadata, {}), 'somebody else');
});

/** Really made: the garbage collector removes a Secret whose owner is not there. */
async function rotationOf(spec: object = {}): Promise<PasswordRotation> {
  return await admin.create(passwordRotations, {
    apiVersion,
    kind: 'PasswordRotation',
    metadata: { name: fresh('rotation'), namespace },
    spec: passwordRotationSpec.parse({ target: { guestName: 'web-1' }, username: 'app', ...spec }),
  });
}

describe('the manager and Secrets', () => {
  const pending = { password: 'first', id: 'a', setting: 'x' };

  it.each([
    ['as they come', {}],
    ['of type Opaque, collected with the rotation', { secretTemplate: { type: 'Opaque' }, deletionPolicy: 'Delete' }],
  ])('writes the Secrets of a rotation, %s', async (_, spec) => {
    const rotation = await rotationOf(spec);
    const guest = fresh('guest');
    const done = { guestUid: randomUUID(), verified: 'True' as const, now: 0 };

    const first = await manager.create(secrets, newSecret(rotation, guest, pending));
    const promotion = promotionPatch(rotation, guest, readSecret(first), done);
    const promoted = await manager.mergePatch(secrets, first.metadata, promotion);
    const next = pendingPatch(rotation, guest, readSecret(promoted), { ...pending, password: 'second', id: 'b' });
    expect((await manager.mergePatch(secrets, first.metadata, next)).data).toHaveProperty('pending-password');
  });

  it.each([
    ['annotation', {}, { [annotations.account]: null }],
    ['owner', { deletionPolicy: 'Delete' }, { [annotations.rotation]: null }],
  ])('labels a Secret again that has only its %s left', async (_, spec, lost) => {
    const rotation = await rotationOf(spec);
    const guest = fresh('guest');
    const { metadata } = await admin.create(secrets, newSecret(rotation, guest, pending));
    const bare = await admin.mergePatch(secrets, metadata, {
      metadata: { labels: { [passwordRotationLabel]: null }, annotations: lost },
    });

    const patch = templatePatch(rotation, guest, readSecret(bare)) as object;
    expect((await manager.mergePatch(secrets, metadata, patch)).metadata.labels).toHaveProperty([
      passwordRotationLabel,
    ]);
  });

  it("may not make a ServiceAccount's token, nor anything else that is no rotation's", async () => {
    const labels = { [passwordRotationLabel]: 'x' };
    const token = {
      name: fresh('token'),
      namespace,
      labels,
      annotations: { 'kubernetes.io/service-account.name': 'x' },
    };

    for (const secret of [
      someonesSecret(namespace, { metadata: token, type: 'kubernetes.io/service-account-token' }),
      someonesSecret(namespace, { metadata: { name: fresh('secret'), namespace, labels }, type: 'example.com/other' }),
      someonesSecret(namespace),
    ]) {
      await expect(manager.create(secrets, secret)).rejects.toMatchObject(
        forbidden('may write Secrets of PasswordRotations only'),
      );
    }
  });

  it("may not change somebody else's, pass one off as a rotation's, strip one of its label, or delete any", async () => {
    const theirs = await admin.create(secrets, someonesSecret(namespace));
    const labels = { [passwordRotationLabel]: 'x' };
    const typed = someonesSecret(namespace, {
      metadata: { name: fresh('secret'), namespace, labels },
      type: 'example.com/other',
    });
    const ours = await admin.create(secrets, newSecret(await rotationOf(), fresh('guest'), pending));

    for (const { metadata } of [theirs, await admin.create(secrets, typed)]) {
      await expect(
        manager.mergePatch(secrets, metadata, { metadata: { labels }, data: { password: 'aGVsbG8=' } }),
      ).rejects.toMatchObject(forbidden("this is somebody else's"));
    }
    await expect(
      manager.mergePatch(secrets, ours.metadata, { metadata: { labels: { [passwordRotationLabel]: null } } }),
    ).rejects.toMatchObject(forbidden('with the label qga.dev/password-rotation'));
    for (const { metadata } of [theirs, ours])
      await expect(manager.delete(secrets, metadata)).rejects.toMatchObject(forbidden('deletes no Secret'));
  });
});
