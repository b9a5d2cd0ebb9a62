import { beforeEach, expect, it } from 'vitest';
import type { KubeEvent } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { type EventNote, EventRecorder } from '../../../src/kube/event-recorder.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { type LogLine, recordingLogger } from '../support/recording-logger.ts';

const job = {
  apiVersion: 'qga.dev/v1alpha1',
  kind: 'GuestExecJob',
  metadata: { namespace: 'team-a', name: 'job', uid: 'u-1', resourceVersion: '7' },
};
const note: EventNote = { type: 'Normal', reason: 'Started', note: 'started 3 tasks', action: 'Run' };

let clock: FakeClock;
let cluster: MemoryCluster;
let recorder: EventRecorder;
let lines: LogLine[];

beforeEach(() => {
  clock = new FakeClock();
  cluster = new MemoryCluster();
  const recording = recordingLogger();
  lines = recording.lines;
  recorder = new EventRecorder({
    cluster: cluster.cluster,
    controller: 'qga.dev/manager',
    instance: 'manager-1',
    clock,
    logger: recording.logger,
    signal: new AbortController().signal,
  });
});

function written(): KubeEvent[] {
  return [...cluster.objects.values()] as KubeEvent[];
}

it('writes an event beside its object, and says who reports', async () => {
  recorder.record(job, note);
  await recorder.drained();

  expect(written()).toMatchObject([
    {
      ...note,
      apiVersion: 'events.k8s.io/v1',
      metadata: { namespace: 'team-a' },
      eventTime: '2026-01-01T12:00:00.000000Z',
      reportingController: 'qga.dev/manager',
      reportingInstance: 'manager-1',
      regarding: { apiVersion: 'qga.dev/v1alpha1', kind: 'GuestExecJob', namespace: 'team-a', name: 'job', uid: 'u-1' },
    },
  ]);
});

it('puts the event of a cluster-scoped object into default, and does not say the object was there', async () => {
  recorder.record({ kind: 'Node', metadata: { name: 'hv1', uid: 'u-2' } }, note);
  await recorder.drained();

  expect(written()[0]?.metadata.namespace).toBe('default');
  expect(written()[0]?.regarding).toEqual({ kind: 'Node', name: 'hv1', uid: 'u-2' });
});

it('makes a series of the same event again, and another event of another', async () => {
  recorder.record(job, note);
  recorder.record(job, { ...note, note: 'started 4 tasks' });
  await clock.advance(5 * 60_000);
  recorder.record(job, note);
  await clock.advance(5 * 60_000);
  recorder.record(job, note);
  await recorder.drained();

  expect(written().map((event) => [event.note, event.series])).toEqual([
    ['started 3 tasks', { count: 3, lastObservedTime: '2026-01-01T12:10:00.000000Z' }],
    ['started 4 tasks', undefined],
  ]);
});

it('begins anew after six quiet minutes', async () => {
  recorder.record(job, note);
  await clock.advance(6 * 60_000);
  recorder.record(job, note);
  await recorder.drained();

  expect(written().map(({ series }) => series)).toEqual([undefined, undefined]);
});

it('counts a burst in its order, though the API server is slow', async () => {
  let calls = 0;
  cluster.beforeCall = async () => clock.sleep(1000 - 100 * calls++);
  for (let i = 0; i < 5; i++) recorder.record(job, note);
  await clock.advance(10_000);
  await recorder.drained();

  expect(lines).toEqual([]);
  expect(written().map(({ series }) => series?.count)).toEqual([5]);
});

it('says so when an event could not be written, and writes the next one whole', async () => {
  cluster.beforeCall = () => Promise.reject(new ApiError(0, 'Unreachable', 'refused'));
  recorder.record(job, note);
  await settled();
  cluster.beforeCall = () => {};
  await clock.advance(1000);
  recorder.record(job, note);
  await recorder.drained();

  expect(lines).toMatchObject([{ level: 'warn', message: 'an event could not be written' }]);
  expect(written()).toMatchObject([{ note: 'started 3 tasks', eventTime: '2026-01-01T12:00:01.000000Z' }]);
});

it('begins anew when the event of a series is gone', async () => {
  recorder.record(job, note);
  await recorder.drained();
  cluster.objects.clear();
  recorder.record(job, note);
  await recorder.drained();
  recorder.record(job, note);
  await recorder.drained();

  expect(written()).toHaveLength(1);
});

it('writes of one object a burst of 25, then one in five minutes, and of another as many', async () => {
  const count = () => written().length;
  for (let i = 0; i < 40; i++) recorder.record(job, { ...note, note: `number ${i}` });
  await recorder.drained();
  expect(count()).toBe(25);

  recorder.record({ ...job, metadata: { ...job.metadata, uid: 'u-2' } }, note);
  await recorder.drained();
  expect(count()).toBe(26);

  await clock.advance(10 * 60_000);
  for (let i = 0; i < 5; i++) recorder.record(job, { ...note, note: `later ${i}` });
  await recorder.drained();
  expect(count()).toBe(28);
});

it.each([
  ['plain', 'x'.repeat(5000)],
  ['multi-byte', 'ü🌍'.repeat(1000)],
])('cuts a long %s note to the kibibyte that the API server allows', async (_, long) => {
  recorder.record(job, { ...note, note: long });
  await recorder.drained();

  const [event] = written();
  expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024);
  expect(Buffer.byteLength(event?.note ?? '')).toBeGreaterThan(1010);
  expect(event?.note.endsWith('…')).toBe(true);
  expect(event?.note.isWellFormed()).toBe(true);
  expect(long.startsWith(event?.note.slice(0, -1) ?? '-')).toBe(true);
});
