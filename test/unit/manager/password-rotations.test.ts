import { afterEach, expect, it } from 'vitest';
import {
  apiVersion,
  type GuestHost,
  guestHosts,
  guests,
  type PasswordRotation,
  passwordRotations,
} from '../../../src/api/resources.ts';
import type { Cluster, WatchEvent } from '../../../src/kube/cluster.ts';
import { ControlLoops } from '../../../src/kube/control-loops.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { EventRecorder } from '../../../src/kube/event-recorder.ts';
import type { KubeObject, Resource } from '../../../src/kube/objects.ts';
import { createFleet } from '../../../src/manager/fleet.ts';
import { followPasswordRotations } from '../../../src/manager/password-rotations.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { aGuest, aRotation, noon } from './objects.ts';

/** An API server with one host, one guest and a rotation of it: it takes statuses, and nothing else. */
class OneGuest {
  /** What was asked of it, and of a status why the guest waits. */
  readonly asked: (string | undefined)[] = [];
  tellHost: (host: GuestHost) => void = () => {};
  readonly #lists: Record<string, KubeObject[]>;

  constructor(host: GuestHost) {
    this.#lists = {
      [guestHosts.plural]: [host],
      [guests.plural]: [stored(aGuest('web-1'))],
      [passwordRotations.plural]: [stored(aRotation())],
    };
  }

  /** As the whole interface: nothing else may be called. */
  get cluster(): Cluster {
    return {
      list: async ({ plural }: Resource<KubeObject>) => ({ items: this.#lists[plural] ?? [], resourceVersion: '1' }),
      watch: this.#watch.bind(this),
      create: async ({ plural }: Resource<KubeObject>) => {
        this.asked.push(`create ${plural}`);
        throw new ApiError(403, 'Forbidden', 'nothing is made here');
      },
      replaceStatus: async (_: Resource<KubeObject>, rotation: PasswordRotation) => {
        this.asked.push(rotation.status?.guests?.[0]?.reason);
        return rotation;
      },
    } as unknown as Cluster;
  }

  async *#watch({ plural }: Resource<KubeObject>, { signal }: { signal: AbortSignal }) {
    const ended = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error)),
    );
    for (;;) {
      const told = new Promise<GuestHost>((resolve) => {
        if (plural === guestHosts.plural) this.tellHost = resolve;
      });
      yield { type: 'MODIFIED', object: await Promise.race([told, ended]) } as WatchEvent<KubeObject>;
    }
  }
}

let version = 0;

/** As the API server tells it: a new version each time. */
function stored<T extends KubeObject>(object: T): T {
  version += 1;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

function aHost(connected: 'True' | 'False', more: GuestHost['status'] = {}): GuestHost {
  const lastTransitionTime = timestamp(noon);
  const conditions = [
    { type: 'LibvirtConnected', status: connected, reason: 'R', message: 'no socket', lastTransitionTime },
  ];
  return stored({ apiVersion, kind: 'GuestHost', metadata: { name: 'hv1' }, status: { ...more, conditions } });
}

const stop = new AbortController();

afterEach(() => stop.abort());

it('looks at the guests of a host again when its agent reaches libvirt, or has a key, and at no other word of it', async () => {
  const clock = new FakeClock();
  const world = new OneGuest(aHost('False'));
  const { cluster } = world;
  const loops = new ControlLoops({ cluster, clock, random: fixedRandom, logger: silentLogger });
  const events = { record: () => {} } as unknown as EventRecorder;
  const options = { cluster, events, clock, random: fixedRandom, onAttemptEnded: () => {} };
  followPasswordRotations(loops, createFleet(loops, clock), options);
  const running = Promise.allSettled([loops.runInformers(stop.signal), loops.runControllers(stop.signal)]);
  await clock.advance(5000);

  for (const host of [
    aHost('False', { hypervisorVersion: 'QEMU 10.0.0' }),
    aHost('True'),
    aHost('True', { sealingKey: { id: 'k', algorithm: 'a', publicKey: 'p' } }),
  ]) {
    world.tellHost(host);
    await clock.advance(5000);
  }

  expect(world.asked).toEqual(['LibvirtNotConnected', 'NoSealingKey', 'create secrets', 'SecretNotWritten']);
  stop.abort();
  await running;
});
