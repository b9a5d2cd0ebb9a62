import { beforeEach, describe, expect, it } from 'vitest';
import { type Lease, leases } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { LeaderElector } from '../../../src/kube/leader-elector.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { hang, MemoryCluster } from '../support/memory-cluster.ts';

const unreachable = new ApiError(0, 'Unreachable', 'refused');

let clock: FakeClock;
let cluster: MemoryCluster;

beforeEach(() => {
  clock = new FakeClock();
  cluster = new MemoryCluster();
});

interface Candidate {
  elector: LeaderElector;
  stop: AbortController;
  /** When its work was told to stop, on the clock; undefined while it goes on. */
  stoppedAt: number | undefined;
  ended: Promise<unknown>;
}

/** Runs until it is stopped, or loses; `ended` gives what it rejected with. */
function candidate(identity: string, lead?: (signal: AbortSignal) => Promise<void>): Candidate {
  const stop = new AbortController();
  const elector = new LeaderElector({
    cluster: cluster.cluster,
    namespace: 'ns',
    name: 'leader',
    identity,
    clock,
    logger: silentLogger,
  });
  const work = async (signal: AbortSignal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    self.stoppedAt = clock.monotonic();
  };
  const self: Candidate = { elector, stop, stoppedAt: undefined, ended: Promise.resolve() };
  self.ended = elector.run(stop.signal, lead ?? work).then(
    () => 'ended in order',
    (error: unknown) => error,
  );
  return self;
}

function lease(): Lease {
  return cluster.objects.get('ns/leader') as Lease;
}

it('leads at once where nobody did, and renews', async () => {
  const { elector, stop, ended } = candidate('one');
  await clock.advance(60_000);

  expect(elector.leading).toBe(true);
  expect(lease().spec).toMatchObject({
    holderIdentity: 'one',
    leaseDurationSeconds: 15,
    leaseTransitions: 0,
    acquireTime: '2026-01-01T12:00:00.000000Z',
    renewTime: '2026-01-01T12:01:00.000000Z',
  });
  stop.abort();
  expect(await ended).toBe('ended in order');
  expect(elector.leading).toBe(false);
});

it('waits while another leads, and takes over soon after that one gave the Lease back', async () => {
  const one = candidate('one');
  await clock.advance(10);
  const two = candidate('two');
  await clock.advance(60_000);
  expect([one.elector.leading, two.elector.leading]).toEqual([true, false]);

  one.stop.abort();
  await one.ended;
  await clock.advance(2000);

  expect(two.elector.leading).toBe(true);
  expect(lease().spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  two.stop.abort();
  await two.ended;
});

it('waits out a Lease whose holder fell silent, by its own clock', async () => {
  const longAgo = '2020-01-01T00:00:00.000000Z';
  await cluster.create(leases, {
    metadata: { namespace: 'ns', name: 'leader' },
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: longAgo, leaseTransitions: 4 },
  });

  const { elector, stop, ended } = candidate('one');
  await clock.advance(15_000);
  expect(elector.leading).toBe(false);
  await clock.advance(2_001);

  expect(elector.leading).toBe(true);
  expect(lease().spec).toMatchObject({ holderIdentity: 'one', leaseTransitions: 5 });
  stop.abort();
  await ended;
});

describe('a leader', () => {
  it('that can not renew stops its work before anyone else may lead', async () => {
    const one = candidate('one');
    await clock.advance(10_000);
    cluster.beforeCall = () => Promise.reject(unreachable);
    await clock.advance(14_900);

    expect(await one.ended).toMatchObject({ name: 'LeadershipLostError', code: 'LeadershipLost' });
    expect(one.stoppedAt).toBeLessThan(10_000 + 15_000);
    expect(one.elector.leading).toBe(false);
  });

  it('whose last try to renew hangs stops its work before anyone else may lead', async () => {
    const one = candidate('one');
    await clock.advance(10_000);
    cluster.beforeCall = async (_, signal) => {
      if (clock.monotonic() < 19_000) throw unreachable;
      await hang(signal);
    };
    await clock.advance(14_900);

    expect(one.stoppedAt).toBeLessThan(10_000 + 15_000);
    expect(await one.ended).toMatchObject({ code: 'LeadershipLost' });
  });

  it('outlives a renewal that hangs on a dead connection, when the next one goes through', async () => {
    const { elector, stop, ended } = candidate('one');
    await clock.advance(11_000);
    cluster.beforeCall = async (_, signal) => {
      cluster.beforeCall = () => {};
      await hang(signal);
    };
    await clock.advance(60_000);

    expect(elector.leading).toBe(true);
    stop.abort();
    expect(await ended).toBe('ended in order');
  });

  it('counts from when it asked for the Lease, not from when a slow answer came', async () => {
    const one = candidate('one');
    await clock.advance(1_999);
    cluster.beforeCall = async () => {
      cluster.beforeCall = () => Promise.reject(unreachable);
      await clock.sleep(4_500);
    };
    await clock.advance(4_501);
    expect(lease().spec.renewTime).toBe('2026-01-01T12:00:02.000000Z');
    await clock.advance(10_400);

    expect(one.stoppedAt).toBeLessThan(2_000 + 15_000);
    expect(await one.ended).toMatchObject({ code: 'LeadershipLost' });
  });

  it('whose Lease another took stops at its next try', async () => {
    const one = candidate('one');
    await clock.advance(1000);
    await cluster.replace(leases, { ...lease(), spec: { ...lease().spec, holderIdentity: 'two' } });
    await clock.advance(4000);

    expect(one.stoppedAt).toBeLessThanOrEqual(4000);
    expect(await one.ended).toMatchObject({ code: 'LeadershipLost' });
  });

  it('goes on after a renewal that went through though its answer was lost', async () => {
    const { elector, stop, ended } = candidate('one');
    await clock.advance(1000);
    await cluster.replace(leases, lease());
    await clock.advance(60_000);

    expect(elector.leading).toBe(true);
    stop.abort();
    await ended;
  });

  it('makes the Lease anew when somebody deleted it', async () => {
    const { elector, stop, ended } = candidate('one');
    await clock.advance(1000);
    cluster.objects.delete('ns/leader');
    await clock.advance(60_000);

    expect(elector.leading).toBe(true);
    expect(lease().spec.holderIdentity).toBe('one');
    stop.abort();
    await ended;
  });

  it('keeps others out until its work has ended, however long that takes', async () => {
    const one = candidate('one', async () => clock.sleep(100_000));
    await clock.advance(1000);
    const two = candidate('two');
    one.stop.abort();
    await clock.advance(98_000);
    expect(two.elector.leading).toBe(false);

    await clock.advance(4000);

    expect(await one.ended).toBe('ended in order');
    expect(two.elector.leading).toBe(true);
    two.stop.abort();
    await two.ended;
  });

  it('rejects with LeadershipLostError whatever its work made of the abort', async () => {
    const one = candidate('one', async (signal) => {
      await clock.sleep(3600_000, signal).catch(() => {
        throw new Error('a request was aborted');
      });
    });
    await clock.advance(10_000);
    cluster.beforeCall = () => Promise.reject(unreachable);
    await clock.advance(14_000);

    expect(await one.ended).toMatchObject({ code: 'LeadershipLost' });
  });
});

describe('gives the Lease back', () => {
  it("when its work fails, and rejects with the work's error", async () => {
    const one = candidate('one', async (signal) => {
      await clock.sleep(5000, signal);
      throw new Error('the work failed');
    });
    await clock.advance(5000);

    expect(await one.ended).toEqual(new Error('the work failed'));
    expect(lease().spec.holderIdentity).toBe('');
  });

  it('when its work rejects because it was stopped', async () => {
    const one = candidate('one', async (signal) => clock.sleep(3600_000, signal));
    await clock.advance(5000);

    one.stop.abort();
    await one.ended;

    expect(lease().spec.holderIdentity).toBe('');
  });

  it('even when it is stopped in the middle of a renewal that goes through', async () => {
    const one = candidate('one');
    await clock.advance(1999);
    // The server carries out the renewal; the client, aborted, never hears of it.
    cluster.beforeCall = async (call, signal) => {
      if (call !== 'replace') return;
      cluster.beforeCall = () => {};
      await cluster.replace(leases, lease());
      await hang(signal);
    };
    await clock.advance(1);

    one.stop.abort();
    expect(await one.ended).toBe('ended in order');

    expect(lease().spec.holderIdentity).toBe('');
  });

  it('never when it is not its own any more', async () => {
    const one = candidate('one');
    await clock.advance(1000);
    await cluster.replace(leases, { ...lease(), spec: { ...lease().spec, holderIdentity: 'two' } });

    one.stop.abort();
    await one.ended;

    expect(lease().spec.holderIdentity).toBe('two');
  });
});

it('stops waiting for leadership when its signal aborts', async () => {
  const one = candidate('one');
  await settled();
  const two = candidate('two');
  await clock.advance(1000);

  two.stop.abort();
  await two.ended;

  expect(two.elector.leading).toBe(false);
  expect(lease().spec.holderIdentity).toBe('one');
  one.stop.abort();
  await one.ended;
});
