import { describe, expect, test } from 'vitest';
import { sharedCluster, testNamespace } from '../harness/fixtures.ts';

describe('the test control plane', () => {
  const namespace = testNamespace();

  test('serves the kinds of crds/', async () => {
    const kinds = await sharedCluster().kubectl('api-resources', '--api-group=qga.dev', '-o', 'name');

    expect(kinds).toContain('guestexecjobs.qga.dev');
  });

  test('collects what an owner leaves behind', async () => {
    const { apply, get, kubectl } = sharedCluster();
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner', namespace } };
    await apply(owner);
    const { metadata } = await get<{ metadata: { uid: string } }>('configmap', 'owner', namespace);
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid };
    await apply({ ...owner, metadata: { name: 'owned', namespace, ownerReferences: [reference] } });

    await kubectl('-n', namespace, 'delete', 'configmap', 'owner');

    await expect(
      kubectl('-n', namespace, 'wait', '--for=delete', 'configmap/owned', '--timeout=20s'),
    ).resolves.toBeDefined();
  });
});
