import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../src/kube/cluster.ts';
import { type ConfigMap, configMaps } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const expired = new ApiError(410, 'Expired', 'too old resource version');
const cut = new ApiError(0, 'ConnectionLost', 'other side closed');

let clock: FakeClock;
let stop: AbortController;
let changes: string[];
let restarts: string[];
let running: Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  changes = [];
  restarts = [];
});

afterEach(async () => {
  stop.abort();
  await running;
});

function configMap(name: string, resourceVersion: string): ConfigMap {
  return { metadata: { namespace: 'ns', name, resourceVersion } };
}

function event(type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, version: string): WatchEvent<ConfigMap> {
  return { type, object: configMap(name, version) };
}

function listed(resourceVersion: string, ...items: ConfigMap[]) {
  return { items, resourceVersion };
}

/** Follows the script and tells what it saw, as `a -1` (was there with version 1, is gone). */
function follow(script: ScriptedCluster): Informer<ConfigMap> {
  const informer = new Informer<ConfigMap>({
    cluster: script.cluster,
    resource: configMaps,
    selection: { labelSelector: 'app=web' },
    clock,
    random: fixedRandom,
    logger: silentLogger,
    onRestart: (resource, reason) => restarts.push(`${resource}: ${reason}`),
  });
  informer.onChange((key, before, after) => {
    const [was, is] = [before, after].map((object) => object?.metadata.resourceVersion ?? '');
    changes.push(`${key.slice(3)} ${was}-${is}`);
  });
  running = informer.run(stop.signal);
  return informer;
}

it('lists, then watches from there, with the same selection', async () => {
  const script = new ScriptedCluster({
    lists: [listed('5', configMap('a', '1'), configMap('b', '2'))],
    watches: [[event('MODIFIED', 'a', '6'), event('DELETED', 'b', '7'), event('ADDED', 'c', '8')]],
  });

  const informer = follow(script);
  expect(informer.hasSynced).toBe(false);
  await informer.synced;
  await clock.advance(0);

  expect(script.asked).toEqual(['list', 'watch 5']);
  expect(script.selections).toEqual([{ labelSelector: 'app=web' }, { labelSelector: 'app=web' }]);
  expect(changes).toEqual(['a -1', 'b -2', 'a 1-6', 'b 2-', 'c -8']);
  expect(informer.cache.keys()).toEqual(['ns/a', 'ns/c']);
  expect(informer.hasSynced).toBe(true);
});

it('resumes a watch that was cut where it stood, bookmarks included, without listing', async () => {
  const script = new ScriptedCluster({
    lists: [listed('5')],
    watches: [[event('ADDED', 'a', '6'), cut], [{ type: 'BOOKMARK', resourceVersion: '40' }, cut], []],
  });

  follow(script);
  await clock.advance(10_000);

  expect(script.asked).toEqual(['list', 'watch 5', 'watch 6', 'watch 40']);
  expect(restarts).toEqual(['configmaps: ConnectionLost', 'configmaps: ConnectionLost']);
});

it('resumes at once a watch that the server ended in order after a while', async () => {
  const script = new ScriptedCluster({ lists: [listed('5')], watches: [[event('ADDED', 'a', '6'), 'end'], []] });

  follow(script);
  await clock.advance(0);

  expect(script.asked).toEqual(['list', 'watch 5', 'watch 6']);
  expect(restarts).toEqual([]);
});

it('does not hurry when watches end as soon as they begin', async () => {
  const script = new ScriptedCluster({ lists: [listed('5')], watches: Array.from({ length: 1000 }, () => ['end']) });

  follow(script);
  await clock.advance(10_000);

  expect(script.asked.length).toBeLessThan(10);
});

it('relists when its version has expired, and tells what is gone, changed and new since', async () => {
  const script = new ScriptedCluster({
    lists: [
      listed('5', configMap('gone', '1'), configMap('same', '2'), configMap('changed', '3')),
      listed('90', configMap('same', '2'), configMap('changed', '80'), configMap('new', '85')),
    ],
    watches: [[expired], []],
  });

  const informer = follow(script);
  await clock.advance(0);
  changes.length = 0;
  await clock.advance(10_000);

  expect(script.asked).toEqual(['list', 'watch 5', 'list', 'watch 90']);
  expect(changes).toEqual(['changed 3-80', 'new -85', 'gone 1-']);
  expect(informer.cache.keys().toSorted()).toEqual(['ns/changed', 'ns/new', 'ns/same']);
});

describe('waits', () => {
  it('longer after each failure, up to half a minute, and never stops', async () => {
    const script = new ScriptedCluster({ lists: [new ApiError(0, 'Unreachable', 'refused')], watches: [] });
    const waits = [0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 22.5, 22.5, 22.5].map((seconds) => seconds * 1000);

    follow(script);
    await clock.advance(0);
    for (const [index, ms] of waits.entries()) {
      expect(script.asked).toHaveLength(index + 1);
      await clock.advance(ms - 1);
      expect(script.asked).toHaveLength(index + 1);
      await clock.advance(1);
    }
    await clock.advance(24 * 3600_000);

    expect(script.asked.length).toBeGreaterThan(3800);
  });

  it('as long as the server asks for', async () => {
    const busy = new ApiError(429, 'TooManyRequests', 'too many requests', 20);
    const script = new ScriptedCluster({ lists: [busy, listed('5')], watches: [[]] });

    follow(script);
    await clock.advance(19_999);
    expect(script.asked).toEqual(['list']);
    await clock.advance(1);

    expect(script.asked).toEqual(['list', 'list', 'watch 5']);
  });

  it('short again once events flow', async () => {
    const script = new ScriptedCluster({
      lists: [listed('5')],
      watches: [[cut], [cut], [cut], [cut], [cut], [event('ADDED', 'a', '6'), cut], []],
    });

    follow(script);
    await clock.advance(0.75 * 800 * (1 + 2 + 4 + 8 + 16));
    expect(script.asked).toHaveLength(7);
    await clock.advance(0.75 * 800);

    expect(script.asked).toHaveLength(8);
  });
});

it('lists anew when news came in a shape that nobody expects', async () => {
  const broken = { type: 'ADDED', object: {} } as WatchEvent<ConfigMap>;
  const script = new ScriptedCluster({
    lists: [listed('5'), listed('9', configMap('a', '9'))],
    watches: [[broken], []],
  });

  const informer = follow(script);
  await clock.advance(10_000);

  expect(script.asked).toEqual(['list', 'watch 5', 'list', 'watch 9']);
  expect(informer.cache.keys()).toEqual(['ns/a']);
});

it('lists anew, rather than trip over the same place for ever, when the stream of events was garbage', async () => {
  const garbage = new ApiError(0, 'MalformedEvent', 'a line of the watch is no event');
  const script = new ScriptedCluster({ lists: [listed('5'), listed('9')], watches: [[garbage], []] });

  follow(script);
  await clock.advance(10_000);

  expect(script.asked).toEqual(['list', 'watch 5', 'list', 'watch 9']);
});

it('keeps telling the others when one handler throws', async () => {
  const script = new ScriptedCluster({ lists: [listed('5', configMap('a', '1'))], watches: [[]] });
  const informer = follow(script);
  const told: string[] = [];
  informer.onChange(() => {
    throw new Error('a mistake');
  });
  informer.onChange((key) => told.push(key));

  await clock.advance(10_000);

  expect(told).toEqual(['ns/a']);
  expect(script.asked).toEqual(['list', 'watch 5']);
});

it.each([
  ['listing fails', { lists: [cut], watches: [] }],
  ['it watches', { lists: [listed('5')], watches: [[]] }],
  ['it has not begun', { lists: [listed('5')], watches: [] }],
])('stops when its signal aborts while %s', async (what, script) => {
  if (what === 'it has not begun') stop.abort();
  follow(new ScriptedCluster(script));
  await clock.advance(100);

  stop.abort();

  await expect(running).resolves.toBeUndefined();
  expect(clock.waiting).toBe(0);
});
