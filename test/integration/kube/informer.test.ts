import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type ConfigMap, configMaps } from '../../../src/kube/core-resources.ts';
import type { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { type Clock, systemClock } from '../../../src/seams/clock.ts';
import { systemRandom } from '../../../src/seams/random.ts';
import { type ControlPlane, startControlPlane } from '../../harness/control-plane.ts';
import { eventually } from '../../harness/eventually.ts';
import { testFolder } from '../../harness/fixtures.ts';
import { configMap, connect, forEachNumber, versions } from './support.ts';

// A control plane of its own: this one is killed.
const folder = testFolder();
let controlPlane: ControlPlane;
let cluster: HttpCluster;
let namespace: string;

beforeAll(async () => {
  controlPlane = await startControlPlane({ dir: folder('cp'), controllerManager: false });
  cluster = await connect(controlPlane.kubeconfig);
});
afterAll(async () => {
  await cluster.close();
  await controlPlane.stop();
});
beforeEach(async () => {
  namespace = `informer-${randomBytes(4).toString('hex')}`;
  await controlPlane.kubectl('create', 'namespace', namespace);
});

interface Following {
  informer: Informer<ConfigMap>;
  restarts: string[];
  /** Keys with what they were last told to be; undefined when they were told to be gone. */
  told: Map<string, ConfigMap | undefined>;
}

/** Follows the namespace until the end of the test. */
async function follow(clock: Clock = systemClock): Promise<Following> {
  const stop = new AbortController();
  const restarts: string[] = [];
  const told = new Map<string, ConfigMap | undefined>();
  const informer = new Informer<ConfigMap>({
    cluster,
    resource: configMaps,
    selection: { namespace },
    clock,
    random: systemRandom,
    logger: silentLogger,
    onRestart: (_, reason) => restarts.push(reason),
  });
  informer.onChange((key, _, after) => told.set(key, after));
  const running = informer.run(stop.signal);
  await informer.synced;
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return { informer, restarts, told };
}

/** Writes objects over and over, through every failure, until told to stop. Gives the last value that each was given. */
function writeAtSpeed(objects: number): { written: () => number; stop: () => Promise<Map<string, string>> } {
  const last = new Map<string, string>();
  const stopped = new AbortController();
  let written = 0;
  const writing = forEachNumber(objects, objects, async (i) => {
    const name = `object-${i}`;
    while (!stopped.signal.aborted) {
      const turn = String(written + 1);
      try {
        if (last.has(name)) await cluster.mergePatch(configMaps, { namespace, name }, { data: { turn } });
        else await cluster.create(configMaps, configMap(namespace, name, { turn }));
        last.set(name, turn);
        written++;
      } catch {
        // It may have been carried out: then creating says AlreadyExists for ever, and patching is right.
        if (await cluster.get(configMaps, { namespace, name }).catch(() => undefined)) last.set(name, 'unknown');
        await systemClock.sleep(20);
      }
    }
  });
  return {
    written: () => written,
    async stop() {
      stopped.abort();
      await writing;
      // One last word about each, so that there is something to miss.
      await forEachNumber(objects, 4, async (i) => {
        const name = `object-${i}`;
        await cluster.mergePatch(configMaps, { namespace, name }, { data: { turn: 'last' } });
        last.set(name, 'last');
      });
      return last;
    },
  };
}

async function expectToCatchUp({ informer, told }: Following): Promise<void> {
  const { items } = await cluster.list(configMaps, { namespace });
  const truth = versions(items);
  await eventually(() => versions(informer.cache.list()).join() === truth.join(), {
    what: 'the cache to be what the server lists',
    timeoutMs: 40_000,
    hint: () => `the cache: ${versions(informer.cache.list()).join(' ')}\nthe list: ${truth.join(' ')}`,
  });
  expect(versions([...told.values()].filter((each) => each !== undefined))).toEqual(truth);
}

describe('an informer', () => {
  test('misses nothing when the API server is killed while objects change at speed', async () => {
    const following = await follow();
    const writer = writeAtSpeed(20);
    await eventually(() => writer.written() > 200, { what: 'writes before the kill', timeoutMs: 20_000 });

    await controlPlane.killApiServer('SIGKILL');
    await controlPlane.startApiServer();
    const before = writer.written();
    await eventually(() => writer.written() > before + 200, { what: 'writes after the kill', timeoutMs: 20_000 });
    const last = await writer.stop();

    await expectToCatchUp(following);
    for (const [name, turn] of last) {
      expect(following.informer.cache.get(`${namespace}/${name}`)?.data).toEqual({ turn });
    }
    expect(following.restarts.length).toBeGreaterThan(0);
  });

  test('relists when the history it stands on was compacted while it was cut off, and sees what is gone', async () => {
    await forEachNumber(5, 5, async (i) => cluster.create(configMaps, configMap(namespace, `object-${i}`)));
    const goOn = Promise.withResolvers<void>();
    const heldOff: Clock = {
      ...systemClock,
      async sleep(ms, signal) {
        await goOn.promise;
        await systemClock.sleep(ms, signal);
      },
    };
    const following = await follow(heldOff);
    await controlPlane.killApiServer('SIGKILL');
    await eventually(() => following.restarts.length > 0, { what: 'the watch to fail', timeoutMs: 10_000 });

    // While the informer waits to try again, things happen and are forgotten.
    await controlPlane.startApiServer();
    await cluster.delete(configMaps, { namespace, name: 'object-0' });
    await cluster.create(configMaps, configMap(namespace, 'object-5'));
    await compactHistory();
    // What etcd has forgotten the API server may remember, unless it starts anew.
    await controlPlane.killApiServer('SIGKILL');
    await controlPlane.startApiServer();
    goOn.resolve();

    await expectToCatchUp(following);
    expect(following.restarts).toContain('Expired');
    expect(following.told.get(`${namespace}/object-0`)).toBeUndefined();
    expect(following.informer.cache.keys()).toHaveLength(5);
  });

  test('survives an API server that hangs for a while', async () => {
    const following = await follow();
    await controlPlane.killApiServer('SIGSTOP');
    const creating = cluster.create(configMaps, configMap(namespace, 'late'));
    await systemClock.sleep(1000);
    await controlPlane.killApiServer('SIGCONT');
    await creating;

    await expectToCatchUp(following);
  });
});

/** Makes etcd forget every version but the newest, over its JSON gateway. */
async function compactHistory(): Promise<void> {
  const { etcd } = JSON.parse(await readFile(folder('cp', 'ports.json'), 'utf8')) as { etcd: number };
  const ask = async (path: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${etcd}/v3/kv/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
    expect(response.status, path).toBe(200);
    return (await response.json()) as { header: { revision: string } };
  };
  const { header } = await ask('range', { key: 'AA==' });
  await ask('compaction', { revision: header.revision, physical: true });
}
