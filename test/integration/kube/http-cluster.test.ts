import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { configMaps } from '../../../src/kube/core-resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../../src/kube/errors.ts';
import { HttpCluster } from '../../../src/kube/http-cluster.ts';
import type { KubeObject, Resource } from '../../../src/kube/objects.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testNamespace } from '../../harness/fixtures.ts';
import { startFlakyNetwork } from './flaky-network.ts';
import { configMap, connect, forEachNumber } from './support.ts';

const namespace = testNamespace();
let cluster: HttpCluster;

beforeAll(async () => {
  cluster = await connect(sharedCluster().kubeconfig);
});
afterAll(async () => cluster.close());

const caught = (error: unknown) => error;

describe('writes to the API server', () => {
  test('create, read, replace, patch and delete an object', async () => {
    const ref = { namespace, name: 'life' };
    const made = await cluster.create(configMaps, configMap(namespace, 'life', { a: '1', b: '2' }));
    expect(made.metadata).not.toHaveProperty('managedFields');

    const replaced = await cluster.replace(configMaps, { ...made, data: { a: '3', b: '4' } });
    const patched = await cluster.mergePatch(configMaps, ref, { data: { b: null } });
    expect([replaced.data, patched.data]).toEqual([{ a: '3', b: '4' }, { a: '3' }]);
    expect(await cluster.get(configMaps, ref)).toEqual(patched);

    await cluster.delete(configMaps, ref, { uid: made.metadata.uid });
    expect(isNotFound(await cluster.get(configMaps, ref).catch(caught))).toBe(true);
  });

  test('are refused as a conflict when the object has changed since it was read', async () => {
    const read = await cluster.create(configMaps, configMap(namespace, 'contended'));
    await cluster.replace(configMaps, { ...read, data: { by: 'somebody else' } });

    const replacing = await cluster.replace(configMaps, { ...read, data: { by: 'me' } }).catch(caught);
    const { resourceVersion } = read.metadata;
    const patching = await cluster
      .mergePatch(configMaps, { namespace, name: 'contended' }, { metadata: { resourceVersion }, data: { by: 'me' } })
      .catch(caught);

    expect([isConflict(replacing), isConflict(patching)]).toEqual([true, true]);
    expect(isAlreadyExists(replacing)).toBe(false);
  });

  test('say that an object exists already, and that is no conflict', async () => {
    await cluster.create(configMaps, configMap(namespace, 'twice'));

    const error = await cluster.create(configMaps, configMap(namespace, 'twice')).catch(caught);

    expect([isAlreadyExists(error), isConflict(error)]).toEqual([true, false]);
  });

  test('do not delete an object that took the place of the one that was meant', async () => {
    await cluster.create(configMaps, configMap(namespace, 'successor'));

    const ref = { namespace, name: 'successor' };
    const error = await cluster.delete(configMaps, ref, { uid: '00000000-0000-4000-8000-000000000000' }).catch(caught);

    expect(isConflict(error)).toBe(true);
    await expect(cluster.get(configMaps, ref)).resolves.toBeDefined();
  });

  test('say why an object is invalid', async () => {
    await expect(cluster.create(configMaps, configMap(namespace, 'Not A Name'))).rejects.toMatchObject({
      code: 422,
      reason: 'Invalid',
      message: expect.stringContaining('Not A Name') as string,
    });
  });
});

test.each([
  ['a group', { group: 'snapshot.storage.k8s.io', version: 'v1', plural: 'volumesnapshots' }],
  ['a version', { group: 'qga.dev', version: 'v9', plural: 'guests' }],
  ['a kind', { group: 'qga.dev', version: 'v1alpha1', plural: 'ghosts' }],
  ['a core kind', { group: '', version: 'v1', plural: 'ghosts' }],
])('finds nothing of %s that is not served', async (_, where) => {
  const resource: Resource<KubeObject> = { ...where, kind: 'Ghost', namespaced: true };
  const object = { apiVersion: `${where.group}/${where.version}`, kind: 'Ghost', metadata: { namespace, name: 'a' } };

  const errors = [
    await cluster.list(resource).catch(caught),
    await cluster.list(resource, { namespace }).catch(caught),
    await cluster.get(resource, { namespace, name: 'a' }).catch(caught),
    await cluster.create(resource, object).catch(caught),
    await cluster.replaceStatus(resource, object).catch(caught),
    await cluster.mergePatch(resource, { namespace, name: 'a' }, {}).catch(caught),
    await cluster.delete(resource, { namespace, name: 'a' }).catch(caught),
  ];

  expect(errors.map(isNotFound)).toEqual(errors.map(() => true));
});

test('finds nothing of a kind that has just been taken away, and its objects when it is back', async () => {
  const plural = 'fleetings';
  const group = 'test.qga.dev';
  const kind = 'Fleeting';
  const resource: Resource<KubeObject> = { group, version: 'v1', kind, plural, namespaced: true };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: 'fleeting', listKind: 'FleetingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
  const definitions: Resource<KubeObject> = {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: definition.kind,
    plural: 'customresourcedefinitions',
    namespaced: false,
  };
  onTestFinished(async () => cluster.delete(definitions, definition.metadata).catch(() => {}));
  const patience = { timeoutMs: 30_000, intervalMs: 100 };
  const made = async () =>
    cluster.create(resource, { apiVersion: `${group}/v1`, kind, metadata: { namespace, name: 'a' } });

  await cluster.create(definitions, definition);
  await eventually(made, { what: 'an object of the kind', ...patience });
  await cluster.delete(definitions, definition.metadata);
  const gone = async () => isNotFound(await cluster.list(resource).catch(caught));
  await eventually(gone, { what: 'the kind to be known as not served', ...patience });
  expect(isNotFound(await cluster.get(resource, { namespace, name: 'a' }).catch(caught))).toBe(true);

  await cluster.create(definitions, definition);
  await eventually(made, { what: 'an object of the kind that is back', ...patience });
});

test('lists two thousand objects, page by page', async () => {
  const label = { metadata: { labels: { many: 'yes' } } };
  await forEachNumber(2000, 16, async (i) => {
    const { metadata, ...rest } = configMap(namespace, `many-${i}`);
    await cluster.create(configMaps, { ...rest, metadata: { ...metadata, ...label.metadata } });
  });

  const { items, resourceVersion } = await cluster.list(configMaps, { namespace, labelSelector: 'many=yes' });

  expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(2000);
  expect(items).toHaveLength(2000);
  expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  expect(Number(resourceVersion)).toBeGreaterThan(0);
});

test('sees in a watch what happens after the list, and only what it selects', async () => {
  const { resourceVersion } = await cluster.list(configMaps, { namespace });
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    const options = { namespace, resourceVersion, fieldSelector: 'metadata.name=wanted', signal: stop.signal };
    for await (const event of cluster.watch(configMaps, options)) {
      if (event.type !== 'BOOKMARK') seen.push(`${event.type} ${event.object.metadata.name}`);
      if (event.type === 'DELETED') return;
    }
  })();

  await cluster.create(configMaps, configMap(namespace, 'unwanted'));
  await cluster.create(configMaps, configMap(namespace, 'wanted'));
  await cluster.mergePatch(configMaps, { namespace, name: 'wanted' }, { data: { a: '1' } });
  await cluster.delete(configMaps, { namespace, name: 'wanted' });
  await watching;

  expect(seen).toEqual(['ADDED wanted', 'MODIFIED wanted', 'DELETED wanted']);
});

test('leaves connections on which the server fell silent for new ones', async () => {
  const network = await startFlakyNetwork(sharedCluster().kubeconfig);
  const distant = new HttpCluster({ endpoint: network.endpoint, timeoutMs: 1000, random: Math.random });
  onTestFinished(async () => {
    await distant.close();
    await network.close();
  });
  await eventually(async () => distant.list(configMaps, { namespace }), { what: 'a first answer', timeoutMs: 20_000 });

  network.swallow();
  await expect(distant.list(configMaps, { namespace })).rejects.toMatchObject({ reason: 'Timeout' });

  // Each connection of the pool may cost one more call.
  await eventually(async () => distant.list(configMaps, { namespace }), { what: 'an answer', timeoutMs: 20_000 });
});

test('keeps forty watches open beside its calls', async () => {
  const { resourceVersion } = await cluster.list(configMaps, { namespace });
  const stop = new AbortController();
  let seen = 0;
  const watches = Promise.allSettled(
    Array.from({ length: 40 }, async () => {
      for await (const _ of cluster.watch(configMaps, { namespace, resourceVersion, signal: stop.signal })) {
        if (++seen === 40) stop.abort();
      }
    }),
  );

  await cluster.create(configMaps, configMap(namespace, 'seen-by-all'));
  await watches;

  expect(seen).toBe(40);
});
