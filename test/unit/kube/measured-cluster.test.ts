import { expect, it } from 'vitest';
import { guestTasks } from '../../../src/api/resources.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { type ApiRequest, measuredCluster } from '../../../src/kube/measured-cluster.ts';
import { FakeClock } from '../support/fake-clock.ts';

const task = { metadata: { name: 'a', namespace: 'b' } };

/** A cluster on which each write takes two seconds and ends as told. */
function measured(end: () => unknown): { cluster: Cluster; told: ApiRequest[] } {
  const clock = new FakeClock();
  const told: ApiRequest[] = [];
  const write = async () => {
    await clock.advance(2000);
    return end();
  };
  const cluster = { create: write, replaceStatus: write } as unknown as Cluster;
  return { cluster: measuredCluster(cluster, clock, (request) => told.push(request)), told };
}

function failing(error: Error): () => never {
  return () => {
    throw error;
  };
}

it('tells of each request what it was, how it ended and how long it took', async () => {
  const { cluster, told } = measured(() => task);

  await cluster.replaceStatus(guestTasks, task as never);

  expect(told).toEqual([{ verb: 'update', resource: 'guesttasks/status', code: '2xx', seconds: 2 }]);
});

it.each([
  [new ApiError(409, 'Conflict', 'changed meanwhile'), '409'],
  [new ApiError(0, 'Unreachable', 'nobody there'), 'Unreachable'],
])('tells how a request failed: %s', async (error, code) => {
  const { cluster, told } = measured(failing(error));

  await expect(cluster.create(guestTasks, task as never)).rejects.toBe(error);

  expect(told).toMatchObject([{ verb: 'create', resource: 'guesttasks', code }]);
});

it('tells nothing of a request that its caller gave up', async () => {
  const { cluster, told } = measured(failing(new DOMException('not wanted any more', 'AbortError')));

  await expect(cluster.create(guestTasks, task as never)).rejects.toThrow('not wanted any more');

  expect(told).toEqual([]);
});
