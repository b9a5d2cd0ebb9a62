import { expect, it } from 'vitest';
import { type ConfigMap, configMaps } from '../../../src/kube/core-resources.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

function version(uid: string, resourceVersion: string): ConfigMap {
  return { metadata: { namespace: 'ns', name: 'a', uid, resourceVersion } };
}

it('tells of an object that was made anew while nobody watched as of one that went and one that came', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const { cluster } = new ScriptedCluster({
    lists: [
      { items: [version('first', '1')], resourceVersion: '5' },
      { items: [version('second', '8')], resourceVersion: '9' },
    ],
    watches: [[new Error('cut')]],
  });
  const informer = new Informer({ cluster, resource: configMaps, clock, random: fixedRandom, logger: silentLogger });
  const told: (string | undefined)[][] = [];
  informer.onChange((_, before, after) => told.push([before?.metadata.uid, after?.metadata.uid]));

  const running = informer.run(stop.signal);
  await clock.advance(60_000);
  stop.abort();
  await running;

  expect(told).toEqual([
    [undefined, 'first'],
    ['first', undefined],
    [undefined, 'second'],
  ]);
});
