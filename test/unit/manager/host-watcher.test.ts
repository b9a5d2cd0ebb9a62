import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiVersion, type Guest, type GuestHost, hostLabel } from '../../../src/api/resources.ts';
import type { Condition } from '../../../src/api/schema/common.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { Controller } from '../../../src/kube/controller.ts';
import type { Lease } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/kube/objects.ts';
import { HostWatcher } from '../../../src/manager/host-watcher.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { microTimestamp, timestamp } from '../../../src/seams/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aGuest, noon } from './objects.ts';

const leaseRef = { namespace: 'qga-system', name: 'qga-host-hv1' };
const leaseKey = 'qga-system/qga-host-hv1';
const away = new ApiError(0, 'Timeout', 'no answer');
const notFound = new ApiError(404, 'NotFound', 'no such lease');

let clock: FakeClock;
let stop: AbortController;
let running: Promise<void>;
let controller: Controller;
let host: GuestHost | undefined;
let guests: Guest[];
/** As the manager's watch shows it. */
let cached: Lease | undefined;
/** As the API server has it. */
let atServer: () => Lease;
let asked: number[];
/** Whose status was written, and when. */
let written: string[];

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  host = aHost();
  guests = [aGuest('web-1'), aGuest('web-2')];
  cached = renewedAt(0);
  atServer = () => renewedAt(0);
  asked = [];
  written = [];
  const cluster = {
    async get(_: unknown, ref: ObjectRef) {
      expect(ref).toMatchObject(leaseRef);
      asked.push(clock.monotonic());
      return atServer();
    },
    async replaceStatus(_: Resource<KubeObject>, object: GuestHost | Guest) {
      written.push(`${object.metadata.name} at ${clock.monotonic()}`);
      if (object.kind === 'GuestHost') host = object as GuestHost;
      else guests = guests.map((each) => (each.metadata.name === object.metadata.name ? (object as Guest) : each));
      return object;
    },
  } as unknown as Cluster;
  const watcher = new HostWatcher({
    cluster,
    hosts: { get: () => host },
    leases: { get: (key) => (key === leaseKey ? cached : undefined) },
    guestsOn: () => guests,
    clock,
  });
  const reconcile = (key: string, signal: AbortSignal) => watcher.reconcile(key, signal);
  controller = new Controller({
    name: 'guesthost',
    concurrency: 2,
    keys: () => [],
    reconcile,
    clock,
    logger: silentLogger,
  });
  running = controller.run(stop.signal);
});

afterEach(async () => {
  stop.abort();
  await running;
});

function aHost(): GuestHost {
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'HostReady',
    message: '',
    lastTransitionTime: timestamp(noon),
  };
  const status = { lease: leaseRef, conditions: [ready] } as GuestHost['status'];
  return { apiVersion, kind: 'GuestHost', metadata: { name: 'hv1', resourceVersion: '1' }, ...(status && { status }) };
}

function renewedAt(ms: number): Lease {
  return {
    metadata: { ...leaseRef, labels: { [hostLabel]: 'hv1' } },
    spec: { holderIdentity: 'journal-1', leaseDurationSeconds: 40, renewTime: microTimestamp(noon + ms) },
  };
}

/** What the watch shows from now on, and that it tells so. */
function shown(lease: Lease | undefined): void {
  cached = lease;
  controller.enqueue('hv1');
}

const statuses = (conditions: Condition[] | undefined) =>
  conditions?.map(({ status, reason }) => (status === 'Unknown' ? reason : status));

describe('of a host that renews its Lease', () => {
  it('says nothing, and asks for nothing that its watch shows', async () => {
    for (let at = 0; at < 200_000; at += 10_000) {
      shown(renewedAt(at));
      await clock.advance(10_000);
    }

    expect([written, asked]).toEqual([[], []]);
  });

  it('says nothing though its watch has stalled: it asks, once for each time that the Lease would have run out', async () => {
    atServer = () => renewedAt(clock.monotonic() - (clock.monotonic() % 10_000));
    controller.enqueue('hv1');
    await clock.advance(300_000);

    expect(written).toEqual([]);
    expect(asked).toEqual([40_000, 80_000, 120_000, 160_000, 200_000, 240_000, 280_000]);
  });

  it('says nothing when the watch that had stalled shows what it missed', async () => {
    atServer = () => renewedAt(clock.monotonic());
    controller.enqueue('hv1');
    await clock.advance(100_000);
    for (let at = 10_000; at <= 100_000; at += 10_000) shown(renewedAt(at));
    await clock.advance(30_000);

    expect(written).toEqual([]);
  });

  it('says nothing where only the watch has lost the Lease', async () => {
    atServer = () => renewedAt(clock.monotonic());
    shown(undefined);
    await clock.advance(100_000);

    expect(written).toEqual([]);
  });
});

describe('of a host that fell silent', () => {
  const all = ['hv1 at 40000', 'web-1 at 40000', 'web-2 at 40000'];

  it('says that nothing is known, of its guests neither, once its Lease has run out', async () => {
    controller.enqueue('hv1');
    await clock.advance(39_999);
    expect(written).toEqual([]);
    await clock.advance(1);

    expect(written).toEqual(all);
    expect(statuses(host?.status?.conditions)).toEqual(['HostSilent']);
    expect(guests.map(({ status }) => statuses(status?.conditions))).toEqual([
      ['HostSilent', 'HostSilent'],
      ['HostSilent', 'HostSilent'],
    ]);
  });

  it('says it once', async () => {
    controller.enqueue('hv1');
    await clock.advance(100_000);
    controller.enqueue('hv1');
    await clock.advance(100_000);

    expect(written).toEqual(all);
  });

  it('says it though the Lease is gone', async () => {
    atServer = () => {
      throw notFound;
    };
    shown(undefined);
    await clock.advance(100_000);

    expect(written).toEqual(all);
  });

  it('says it though the watch has stalled before', async () => {
    atServer = () => renewedAt(Math.min(clock.monotonic(), 50_000));
    controller.enqueue('hv1');
    await clock.advance(119_999);
    expect(written).toEqual([]);
    await clock.advance(1);

    expect(written).toHaveLength(3);
  });

  it('says it anew of one that came back and fell silent again', async () => {
    controller.enqueue('hv1');
    await clock.advance(100_000);
    written = [];
    host = aHost();
    atServer = () => renewedAt(100_000);
    shown(renewedAt(100_000));
    await clock.advance(39_999);
    expect(written).toEqual([]);
    await clock.advance(1);

    expect(written).toEqual(['hv1 at 140000']);
  });
});

describe('where the API server does not answer', () => {
  it('says nothing of a host, however long', async () => {
    atServer = () => {
      throw away;
    };
    controller.enqueue('hv1');
    await clock.advance(600_000);

    expect(written).toEqual([]);
    expect(asked.length).toBeGreaterThan(10);
  });

  it('gives a host time to renew its Lease once it answers again', async () => {
    let answers = false;
    let renewed = 0;
    atServer = () => {
      if (!answers) throw away;
      return renewedAt(renewed);
    };
    controller.enqueue('hv1');
    await clock.advance(200_000);
    answers = true;
    // The waits of a controller that fails grow to a minute.
    while (asked.at(-1) === asked.findLast((at) => at <= 200_000)) await clock.advance(1000);
    renewed = clock.monotonic();
    await clock.advance(30_000);

    expect(written).toEqual([]);
  });

  it('says of a host that is silent even then that nothing is known', async () => {
    let answers = false;
    atServer = () => {
      if (!answers) throw away;
      return renewedAt(0);
    };
    controller.enqueue('hv1');
    await clock.advance(200_000);
    answers = true;
    await clock.advance(80_000);

    expect(written).toHaveLength(3);
  });
});

it('knows nothing of a host whose GuestHost is gone', async () => {
  controller.enqueue('hv1');
  host = undefined;
  await clock.advance(100_000);

  expect([written, asked]).toEqual([[], []]);
});

it('says of a host that never named a Lease that nothing is known, and has nobody to ask', async () => {
  delete host?.status?.lease;
  controller.enqueue('hv1');
  await clock.advance(100_000);

  expect(written).toHaveLength(3);
  expect(asked).toEqual([]);
});
