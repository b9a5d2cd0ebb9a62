import { beforeEach, expect, it } from 'vitest';
import { HostLease, HostTakenError } from '../../../src/agent/host-lease.ts';
import { type Lease, leases } from '../../../src/kube/core-resources.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

let clock: FakeClock;
let memory: MemoryCluster;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryCluster();
});

/** Keeps the Lease of node `hv1` until it is stopped; `ended` gives what it rejected with. */
function keep(holder: string) {
  const stop = new AbortController();
  const { cluster } = memory;
  const lease = new HostLease({ cluster, node: 'hv1', namespace: 'ns', holder, clock, logger: silentLogger });
  const ended = lease
    .keep(stop.signal, () => {})
    .then(
      () => 'ended in order',
      (error: unknown) => error,
    );
  return { lease, stop, ended };
}

const written = () => memory.objects.get('ns/qga-host-hv1') as Lease | undefined;

it('is read once, and from then on only written', async () => {
  const { lease, stop, ended } = keep('one');
  await clock.advance(60_000);

  expect(lease.held).toBe(true);
  expect(written()?.spec.renewTime).toBe('2026-01-01T12:01:00.000000Z');
  expect(memory.calls).toEqual(['get', 'create', ...Array.from({ length: 6 }, () => 'replace')]);
  stop.abort();
  expect(await ended).toBe('ended in order');
});

it('is renewed though somebody changed something else in it, or deleted it', async () => {
  const { lease, stop } = keep('one');
  await clock.advance(5000);
  const labelled = { ...(written() as Lease), metadata: { ...written()?.metadata, labels: { by: 'a person' } } };
  await memory.cluster.replace(leases, labelled as Lease);
  await clock.advance(15_000);

  expect(written()).toMatchObject({
    metadata: { labels: { by: 'a person' } },
    spec: { renewTime: '2026-01-01T12:00:12.000000Z' },
  });
  memory.objects.delete('ns/qga-host-hv1');
  await clock.advance(20_000);

  expect(written()?.spec.holderIdentity).toBe('one');
  expect(lease.held).toBe(true);
  stop.abort();
});

it('ends whoever held it when somebody else has taken it', async () => {
  const { ended } = keep('one');
  await clock.advance(5000);
  const taken = written() as Lease;
  await memory.cluster.replace(leases, { ...taken, spec: { ...taken.spec, holderIdentity: 'two' } });
  await clock.advance(20_000);

  expect(await ended).toBeInstanceOf(HostTakenError);
  expect(written()?.spec.holderIdentity).toBe('two');
});
