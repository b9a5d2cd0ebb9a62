import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  apiVersion,
  type GuestHost,
  type GuestTask,
  guestExecJobs,
  guestHosts,
  guests,
  guestTasks,
} from '../../../src/api/resources.ts';
import type { Cluster, WatchEvent } from '../../../src/kube/cluster.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { controllerOf, type KubeObject, type Resource } from '../../../src/kube/objects.ts';
import { createFleetManager, type FleetManager } from '../../../src/manager/fleet-manager.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { aGuest, aJob, aTask, noon } from './objects.ts';

/** An API server that tells what a test has happen, and takes every status. */
class Telling {
  readonly written: KubeObject[] = [];
  readonly #lists = new Map<string, KubeObject[]>();
  readonly #tell = new Map<string, (event: WatchEvent<KubeObject>) => void>();
  #version = 0;

  /** As the whole interface: nothing else may be called. */
  get cluster(): Cluster {
    return {
      list: async ({ plural }: Resource<KubeObject>) => ({
        items: this.#lists.get(plural) ?? [],
        resourceVersion: '0',
      }),
      watch: this.#watch.bind(this),
      replaceStatus: async (_: unknown, object: KubeObject) => {
        this.written.push(object);
        return object;
      },
      create: async (_: unknown, object: KubeObject) => object,
    } as unknown as Cluster;
  }

  lists({ plural }: Pick<Resource<KubeObject>, 'plural'>, ...objects: KubeObject[]): void {
    this.#lists.set(
      plural,
      objects.map((each) => this.#stored(each)),
    );
  }

  tell({ plural }: Pick<Resource<KubeObject>, 'plural'>, type: 'ADDED' | 'DELETED', object: KubeObject): void {
    this.#tell.get(plural)?.({ type, object: this.#stored(object) });
  }

  async *#watch({ plural }: Resource<KubeObject>, { signal }: { signal: AbortSignal }) {
    const told: WatchEvent<KubeObject>[] = [];
    let wake = Promise.withResolvers<void>();
    this.#tell.set(plural, (event) => {
      told.push(event);
      wake.resolve();
    });
    signal.addEventListener('abort', () => wake.reject(signal.reason as Error), { once: true });
    for (;;) {
      await wake.promise;
      wake = Promise.withResolvers<void>();
      yield* told.splice(0);
    }
  }

  #stored<T extends KubeObject>(object: T): T {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }
}

const host: GuestHost = { apiVersion, kind: 'GuestHost', metadata: { name: 'hv1', uid: 'uid-hv1' } };

let clock: FakeClock;
let api: Telling;
let manager: FleetManager;
let reconciled: Record<string, number>;
let stop: AbortController;
let running: Promise<unknown>[];

beforeEach(() => {
  clock = new FakeClock(noon);
  api = new Telling();
  stop = new AbortController();
  reconciled = {};
  manager = createFleetManager({
    instance: 'm',
    namespace: 'qga-system',
    cluster: api.cluster,
    clock,
    random: fixedRandom,
    logger: silentLogger,
    signal: stop.signal,
    reports: {
      reconciled: (name) => {
        reconciled[name] = (reconciled[name] ?? 0) + 1;
      },
    },
  });
  running = [];
});

afterEach(async () => {
  stop.abort();
  await Promise.allSettled(running);
});

const lengths = () => manager.loops.controllers.filter(({ queueLength }) => queueLength > 0);
const begin = (loop: (signal: AbortSignal) => Promise<void>) => running.push(loop(stop.signal));

it('keeps nothing while it stands by, and looks at all there is, once, when it leads', async () => {
  const end = { type: 'Complete', status: 'True', reason: 'AllSucceeded', message: '' } as const;
  api.lists(guestExecJobs, aJob({}, { conditions: setCondition([], end, noon), completionTime: timestamp(noon) }));
  api.lists(guestHosts, host);
  api.lists(guests, aGuest('web-1'));
  begin((signal) => manager.loops.runInformers(signal));
  await clock.advance(100);

  for (let n = 0; n < 1000; n++) {
    const job = aJob();
    const passing = { ...job, metadata: { ...job.metadata, name: `job-${n}`, uid: `uid-${n}` } };
    const task = aTask(passing, aGuest('web-1'));
    for (const type of ['ADDED', 'DELETED'] as const) {
      api.tell(guestExecJobs, type, passing);
      api.tell(guestTasks, type, task);
      api.tell(guestHosts, type, { ...host, metadata: { name: `hv-${n}`, uid: `uid-hv-${n}` } });
    }
  }
  await clock.advance(120_000);
  expect(lengths()).toEqual([]);
  expect(clock.waiting).toBe(0);
  begin((signal) => manager.lead(signal));
  await clock.advance(1000);

  expect(reconciled).toEqual({ guestexecjob: 1, guesthost: 1 });
});

it.each([
  ['while it stood by', true],
  ['while no manager ran', false],
])('gives up what a host had whose GuestHost was deleted %s', async (_, wasThere) => {
  const job = aJob();
  const claim = { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon) };
  api.lists(guestExecJobs, job);
  api.lists(guests, aGuest('web-1'));
  api.lists(guestTasks, owned(aTask(job, aGuest('web-1'), { phase: 'Running', claim })));
  if (wasThere) api.lists(guestHosts, host);
  begin((signal) => manager.loops.runInformers(signal));
  await clock.advance(100);
  if (wasThere) api.tell(guestHosts, 'DELETED', host);
  await clock.advance(300_000);

  begin((signal) => manager.lead(signal));
  await clock.advance(59_000);
  expect(ends()).toEqual([]);
  await clock.advance(2000);

  expect(ends()).toEqual(['HostGone']);

  function owned(task: GuestTask): GuestTask {
    return { ...task, metadata: { ...task.metadata, ownerReferences: [controllerOf(job)] } };
  }
  function ends(): unknown[] {
    const tasks = api.written.filter(({ kind }) => kind === 'GuestTask') as GuestTask[];
    return tasks.map(({ status }) => status?.reason);
  }
});
