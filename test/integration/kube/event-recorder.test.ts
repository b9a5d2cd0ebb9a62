import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConfigMap, configMaps, kubeEvents } from '../../../src/kube/core-resources.ts';
import { EventRecorder } from '../../../src/kube/event-recorder.ts';
import type { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { systemClock } from '../../../src/seams/clock.ts';
import { sharedCluster, testNamespace } from '../../harness/fixtures.ts';
import { recordingLogger } from '../../unit/support/recording-logger.ts';
import { configMap, connect } from './support.ts';

const namespace = testNamespace();
const { logger, lines } = recordingLogger();
let cluster: HttpCluster;
let recorder: EventRecorder;

beforeAll(async () => {
  cluster = await connect(sharedCluster().kubeconfig);
  recorder = new EventRecorder({
    cluster,
    controller: 'qga.dev/manager',
    instance: 'manager-1',
    clock: systemClock,
    logger,
    signal: new AbortController().signal,
  });
});
afterAll(async () => cluster.close());

async function aConfigMap(name: string): Promise<ConfigMap> {
  return cluster.create(configMaps, configMap(namespace, name));
}

async function eventsOf({ metadata }: ConfigMap) {
  const { items } = await cluster.list(kubeEvents, { namespace });
  return items.filter(({ regarding }) => regarding.uid === metadata.uid);
}

const note = { type: 'Warning', reason: 'Failed', note: '3 of 20 tasks failed', action: 'Run' } as const;

test('the API server takes a burst of the same event as a series', async () => {
  const object = await aConfigMap('burst');

  for (let i = 0; i < 10; i++) recorder.record(object, note);
  await recorder.drained();

  expect(lines).toEqual([]);
  expect(await eventsOf(object)).toMatchObject([{ ...note, series: { count: 10 } }]);
});

test('kubectl shows an event with its object', async () => {
  const object = await aConfigMap('shown');
  recorder.record(object, note);
  await recorder.drained();

  const shown = await sharedCluster().kubectl('-n', namespace, 'describe', 'configmap', 'shown');

  expect(shown).toMatch(/Warning\s+Failed\s.*qga\.dev\/manager.*3 of 20 tasks failed/);
});

test.each([
  ['plain', 'x'.repeat(5000)],
  ['multi-byte', 'ü🌍'.repeat(1000)],
])('the API server takes a %s note of any length', async (name, long) => {
  const object = await aConfigMap(name);

  recorder.record(object, { ...note, note: long });
  await recorder.drained();

  expect(lines).toEqual([]);
  expect(await eventsOf(object)).toHaveLength(1);
});

test('the API server takes the event of an object without a namespace', async () => {
  const kind = { apiVersion: 'v1', kind: 'Node' };
  recorder.record({ ...kind, metadata: { name: 'hv1', uid: `node-of-${namespace}` } }, note);
  await recorder.drained();

  const { items } = await cluster.list(kubeEvents, { namespace: 'default' });

  expect(lines).toEqual([]);
  expect(items.find(({ regarding }) => regarding.uid === `node-of-${namespace}`)?.regarding).toMatchObject(kind);
});
