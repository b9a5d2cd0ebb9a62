import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiVersion, type Guest, type GuestTask, guests, guestTasks } from '../../src/api/resources.ts';
import type { Cluster, WatchEvent } from '../../src/kube/cluster.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { HttpCluster } from '../../src/kube/http-cluster.ts';
import { sharedCluster, testNamespace } from '../harness/fixtures.ts';
import { Chance } from '../simulation/chance.ts';
import { SimulatedApiServer } from '../simulation/simulated-api-server.ts';
import { SimulatedCluster } from '../simulation/simulated-cluster.ts';
import { SimulatedProcess } from '../simulation/simulated-process.ts';
import { Timeline } from '../simulation/timeline.ts';
import { connect } from './kube/support.ts';

const namespace = testNamespace();
let real: HttpCluster;

beforeAll(async () => {
  real = await connect(sharedCluster().kubeconfig);
});
afterAll(async () => real.close());

type Course = (cluster: Cluster) => Promise<unknown>;

/** What a course of requests comes to on a simulated API server where nothing goes wrong. */
async function simulated(course: Course): Promise<unknown> {
  const timeline = new Timeline();
  const chance = new Chance(1);
  const server = new SimulatedApiServer(timeline, chance);
  const process = new SimulatedProcess('test', timeline, chance);
  const cluster = new SimulatedCluster({ server, timeline, process, faults: () => undefined, trace: undefined });
  let over = false;
  const result = course(cluster).finally(() => {
    over = true;
  });
  await timeline.run(() => over, 60_000);
  return await result;
}

const reasonOf = (error: unknown) => (error instanceof ApiError ? `${error.code} ${error.reason}` : error);
const refusal = (request: Promise<unknown>) => request.then(() => 'done', reasonOf);

function task(name: string): GuestTask {
  const spec = { guestName: 'web-1', action: { exec: { command: ['true'] } } };
  return { apiVersion, kind: 'GuestTask', metadata: { namespace, name }, spec };
}

const courses: Record<string, Course> = {
  async 'keeps status and spec apart'(cluster) {
    const sent = { ...task('parts'), status: { phase: 'Running' as const } };
    const made = await cluster.create(guestTasks, sent);
    const withStatus = await cluster.replaceStatus(guestTasks, {
      ...made,
      spec: { ...made.spec, release: true },
      status: { phase: 'Claimed' },
    });
    const changed = await cluster.replace(guestTasks, {
      ...withStatus,
      spec: { ...withStatus.spec, release: true },
      status: { phase: 'Failed' },
    });
    const patched = await cluster.mergePatch(guestTasks, changed.metadata, {
      metadata: { labels: { a: 'b' } },
      status: { phase: 'Failed' },
    });
    return [made, withStatus, changed, patched].map(({ metadata, spec, status }) => ({
      generation: metadata.generation,
      labels: metadata.labels,
      release: spec.release,
      status,
    }));
  },
  async 'refuses what was made from something older'(cluster) {
    const made = await cluster.create(guestTasks, task('old'));
    const { uid, resourceVersion } = made.metadata;
    const newer = await cluster.replaceStatus(guestTasks, { ...made, status: { phase: 'Claimed' } });
    const same = await cluster.replaceStatus(guestTasks, { ...newer, status: { phase: 'Claimed' } });
    return [
      same.metadata.resourceVersion === newer.metadata.resourceVersion,
      await refusal(cluster.replaceStatus(guestTasks, { ...made, status: { phase: 'Failed' } })),
      await refusal(cluster.replace(guestTasks, made)),
      await refusal(
        cluster.mergePatch(guestTasks, made.metadata, { metadata: { resourceVersion, labels: { a: 'b' } } }),
      ),
      await refusal(cluster.create(guestTasks, task('old'))),
      await refusal(cluster.delete(guestTasks, made.metadata, { uid: '5d6a2f0e-0000-4000-8000-000000000000' })),
      await refusal(cluster.delete(guestTasks, made.metadata, { resourceVersion })),
      await refusal(cluster.delete(guestTasks, made.metadata, { uid })),
      await refusal(cluster.get(guestTasks, made.metadata)),
      await refusal(cluster.replaceStatus(guestTasks, { ...newer, status: { phase: 'Failed' } })),
      await refusal(cluster.delete(guestTasks, made.metadata)),
    ];
  },
  async 'keeps what is deleted until its finalizers are gone'(cluster) {
    const finalized = task('final');
    const made = await cluster.create(guestTasks, {
      ...finalized,
      metadata: { ...finalized.metadata, finalizers: ['qga.dev/test'] },
    });
    await cluster.delete(guestTasks, made.metadata);
    const { metadata } = await cluster.get(guestTasks, made.metadata);
    await cluster.mergePatch(guestTasks, made.metadata, { metadata: { finalizers: null } });
    return [metadata.deletionTimestamp !== undefined, await refusal(cluster.get(guestTasks, made.metadata))];
  },
  async 'shows a watch with a selector what comes and goes by it'(cluster) {
    const selection = { namespace, fieldSelector: 'status.node=here' };
    const { resourceVersion } = await cluster.list(guests, selection);
    let guest: Guest = await cluster.create(guests, {
      apiVersion,
      kind: 'Guest',
      metadata: { namespace, name: 'mover', labels: { tier: 'web' } },
    });
    for (const node of ['elsewhere', 'here', 'here', 'elsewhere', 'here']) {
      const status = { ...guest.status, node, observedGeneration: (guest.status?.observedGeneration ?? 0) + 1 };
      guest = await cluster.replaceStatus(guests, { ...guest, status });
    }
    const listed = await cluster.list(guests, { ...selection, labelSelector: 'tier' });
    await cluster.delete(guests, guest.metadata);
    const seen: string[] = [];
    const stop = new AbortController();
    for await (const event of cluster.watch(guests, { ...selection, resourceVersion, signal: stop.signal })) {
      seen.push(told(event));
      if (seen.length === 5) break;
    }
    stop.abort();
    return [listed.items.length, ...seen];
  },
};

function told(event: WatchEvent<Guest>): string {
  return event.type === 'BOOKMARK' ? event.type : `${event.type} ${event.object.status?.observedGeneration}`;
}

test.each(Object.entries(courses))('the simulated API server %s as the real one does', async (_, course) => {
  const asReal = await course(real);

  expect(await simulated(course)).toEqual(asReal);
});
