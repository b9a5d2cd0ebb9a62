import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { leases } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { LeaderElector } from '../../../src/kube/leader-elector.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { systemClock } from '../../../src/seams/clock.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testNamespace } from '../../harness/fixtures.ts';
import { connect } from './support.ts';

const namespace = testNamespace();
const leaseSeconds = 2;
let cluster: HttpCluster;

beforeAll(async () => {
  cluster = await connect(sharedCluster().kubeconfig);
});
afterAll(async () => cluster.close());

/** The cluster, until its plug is pulled: then nothing gets through any more, as for a process that was killed. */
function withPlug(): { cluster: Cluster; pull: () => void } {
  let pulled = false;
  const plugged = new Proxy<Cluster>(cluster, {
    get(target, name: keyof Cluster) {
      if (pulled) return async () => Promise.reject(new ApiError(0, 'Unreachable', 'the plug is pulled'));
      return target[name].bind(target);
    },
  });
  return { cluster: plugged, pull: () => (pulled = true) };
}

function candidate(name: string, identity: string) {
  const stop = new AbortController();
  const plug = withPlug();
  const elector = new LeaderElector({
    cluster: plug.cluster,
    namespace,
    name,
    identity,
    clock: systemClock,
    logger: silentLogger,
    leaseSeconds,
    renewDeadlineMs: 1200,
    retryMs: 200,
  });
  let working = false;
  const ended = elector
    .run(stop.signal, async (signal) => {
      working = true;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      working = false;
    })
    .then(
      () => 'ended in order',
      (error: unknown) => error,
    );
  const leads = async () =>
    eventually(() => working, { what: `${identity} to lead`, timeoutMs: 10_000, intervalMs: 10 });
  return { elector, stop: () => stop.abort(), pull: plug.pull, ended, leads, working: () => working };
}

async function holder(name: string): Promise<string | undefined> {
  return (await cluster.get(leases, { namespace, name })).spec.holderIdentity;
}

describe('of two candidates', () => {
  test('the second leads at once after the first gave the Lease back', async () => {
    const one = candidate('handover', 'one');
    await one.leads();
    const two = candidate('handover', 'two');
    await systemClock.sleep(leaseSeconds * 1000 + 500);
    expect([one.working(), two.working()]).toEqual([true, false]);

    one.stop();
    expect(await one.ended).toBe('ended in order');
    const releasedAt = performance.now();
    await two.leads();

    expect(performance.now() - releasedAt).toBeLessThan(1000);
    expect(await holder('handover')).toBe('two');
    expect((await cluster.get(leases, { namespace, name: 'handover' })).spec.leaseTransitions).toBe(1);
    two.stop();
    await two.ended;
    expect(await holder('handover')).toBe('');
  });

  test('the second takes over from a first that fell silent, and never while that one still works', async () => {
    const one = candidate('silence', 'one');
    await one.leads();
    const two = candidate('silence', 'two');
    await systemClock.sleep(500);

    one.pull();
    const together = eventually(() => one.working() && two.working(), {
      what: 'both at work',
      timeoutMs: 4000,
      intervalMs: 5,
    });
    const [lost] = await Promise.all([one.ended, two.leads(), expect(together).rejects.toThrow('timed out')]);

    expect(lost).toMatchObject({ name: 'LeadershipLostError', code: 'LeadershipLost' });
    expect(await holder('silence')).toBe('two');
    two.stop();
    await two.ended;
  });

  test('only one leads when they start together', async () => {
    const all = ['one', 'two', 'three', 'four'].map((identity) => candidate('race', identity));
    await Promise.race(all.map(async ({ leads }) => leads()));
    await systemClock.sleep(1000);

    expect(all.filter(({ working }) => working())).toHaveLength(1);
    await Promise.all(
      all.map(async ({ stop, ended }) => {
        stop();
        await ended;
      }),
    );
  });
});

test('a leader whose Lease was given to another rejects with LeadershipLostError', async () => {
  const one = candidate('taken', 'one');
  await one.leads();

  await cluster.mergePatch(leases, { namespace, name: 'taken' }, { spec: { holderIdentity: 'two' } });

  expect(await one.ended).toMatchObject({ code: 'LeadershipLost' });
  expect(one.elector.leading).toBe(false);
  expect(await holder('taken')).toBe('two');
});
