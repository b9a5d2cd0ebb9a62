import { afterEach, beforeEach, expect, it } from 'vitest';
import { ControlLoops } from '../../../src/kube/control-loops.ts';
import { type ConfigMap, configMaps } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const a: ConfigMap = { metadata: { namespace: 'ns', name: 'a', resourceVersion: '1' } };
const mapOf = (name: string): ConfigMap => ({ metadata: { namespace: 'ns', name, resourceVersion: '6' } });
const unreachable = new ApiError(0, 'Unreachable', 'refused');

let clock: FakeClock;
let stop: AbortController;
let running: Promise<unknown>;

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  running = Promise.resolve();
});

afterEach(async () => {
  stop.abort();
  await running;
});

function loopsOver(script: ScriptedCluster): ControlLoops {
  return new ControlLoops({ cluster: script.cluster, clock, random: fixedRandom, logger: silentLogger });
}

it('reconciles nothing before every cache is filled', async () => {
  const script = new ScriptedCluster({ lists: [unreachable, { items: [a], resourceVersion: '5' }], watches: [[]] });
  const loops = loopsOver(script);
  const reconciled: string[] = [];
  const maps = loops.informer(configMaps);
  const controller = loops.controller('test', 1, maps.cache, async (key) => void reconciled.push(key));
  maps.onChange((key) => controller.enqueue(key));

  running = Promise.all([loops.runInformers(stop.signal), loops.runControllers(stop.signal)]);
  await clock.advance(100);
  expect(reconciled).toEqual([]);
  expect(loops.notSynced()).toEqual(['configmaps']);
  await clock.advance(1000);

  expect(reconciled).toEqual(['ns/a']);
  expect(loops.notSynced()).toEqual([]);
});

it('keeps nothing for controllers that stand by, and looks at all there is, once, when they begin', async () => {
  const many = Array.from({ length: 1000 }, (_, n) => mapOf(`many-${n}`));
  const script = new ScriptedCluster({
    lists: [{ items: [a], resourceVersion: '5' }],
    watches: [
      [
        ...many.map((object) => ({ type: 'ADDED' as const, object })),
        { type: 'ADDED', object: mapOf('b') },
        ...many.map((object) => ({ type: 'DELETED' as const, object })),
      ],
    ],
  });
  const loops = loopsOver(script);
  const reconciled: string[] = [];
  const maps = loops.informer(configMaps);
  const controller = loops.controller('test', 2, maps.cache, async (key) => void reconciled.push(key));
  maps.onChange((key) => {
    controller.enqueue(key);
    controller.enqueueAfter(key, 5000);
  });

  const informing = loops.runInformers(stop.signal);
  running = informing;
  await clock.advance(10_000);
  expect(maps.cache.keys()).toEqual(['ns/a', 'ns/b']);
  expect([controller.queueLength, clock.waiting]).toEqual([0, 0]);
  running = Promise.all([informing, loops.runControllers(stop.signal)]);
  await clock.advance(10_000);

  expect(reconciled).toEqual(['ns/a', 'ns/b']);
});

it('follows one resource under two selections', async () => {
  const script = new ScriptedCluster({ lists: [{ items: [a], resourceVersion: '5' }], watches: [[], []] });
  const loops = loopsOver(script);
  const mine = loops.informer(configMaps, { labelSelector: 'mine' });
  const yours = loops.informer(configMaps, { labelSelector: 'yours' });

  running = loops.runInformers(stop.signal);
  await clock.advance(100);

  expect([mine.hasSynced, yours.hasSynced]).toEqual([true, true]);
});

it.each(['before', 'while'])('stops %s it waits for caches that never fill', async (when) => {
  const loops = loopsOver(new ScriptedCluster({ lists: [unreachable], watches: [] }));
  loops.controller('test', 1, loops.informer(configMaps).cache, async () => {});
  if (when === 'before') stop.abort();
  let ended = false;
  const controllers = loops.runControllers(stop.signal).then(() => (ended = true));
  await clock.advance(10);

  stop.abort();
  await clock.advance(10);

  expect(ended).toBe(true);
  await controllers;
});
