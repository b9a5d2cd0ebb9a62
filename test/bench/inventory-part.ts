import { setTimeout as delay } from 'node:timers/promises';
import { type Guest, guests as guestKind, refreshAnnotation } from '../../src/api/resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';
import type { Part } from './part.ts';
import { milliseconds } from './report.ts';
import { guestCount, type Stage } from './stage.ts';
import { median } from './statistics.ts';

const looks = 10;
const starts = 3;
const namespace = 'default';
const pollMs = 10;
const timeoutMs = 60_000;

/** How soon what guests tell of themselves is in their Guests. */
export const inventoryPart: Part = {
  name: 'inventory',
  async measure(bench) {
    const { step } = bench.tell;
    const stage = await bench.stage();
    const endpoint = await loadEndpoint(stage.controlPlane().kubeconfig, systemClock);
    const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
    try {
      const one = await step('(k) asking one guest everything, again and again', () => lookAtOne(stage, cluster));
      const all = await step('(k) starting the agent on a host of which nothing is known', () =>
        startOver(stage, cluster),
      );
      return [
        {
          what: '(k) one guest asked everything: from the annotation to the Guest that tells',
          operator: milliseconds(median(one)),
        },
        {
          what: `(k) ${guestCount} guests at the agent's start: from its process to the last Guest, made anew, that tells everything`,
          operator: milliseconds(median(all)),
        },
      ];
    } finally {
      await cluster.close();
    }
  },
};

async function lookAtOne({ guests }: Stage, cluster: HttpCluster): Promise<number[]> {
  const name = guests[0]?.name ?? '';
  const took: number[] = [];
  for (let look = 1; look <= looks; look += 1) {
    const wish = `look-${look}`;
    const started = performance.now();
    await cluster.mergePatch(
      guestKind,
      { namespace, name },
      { metadata: { annotations: { [refreshAnnotation]: wish } } },
    );
    await untilTrue(async () => {
      const { status } = await cluster.get(guestKind, { namespace, name });
      return status?.observedRefresh === wish;
    });
    took.push(performance.now() - started);
  }
  return took;
}

async function startOver(stage: Stage, cluster: HttpCluster): Promise<number[]> {
  const took: number[] = [];
  for (let start = 1; start <= starts; start += 1) {
    await stage.agent.kill('SIGTERM');
    await untilTrue(async () => !stage.agent.running());
    await stage.controlPlane().kubectl('delete', 'guests', '--all', '-n', namespace);
    const started = performance.now();
    await stage.agent.restart();
    await untilTrue(async () => {
      const { items } = await cluster.list(guestKind, { namespace });
      return items.filter(tellsEverything).length === guestCount;
    });
    took.push(performance.now() - started);
    await stage.agent.waitReady();
  }
  return took;
}

function tellsEverything({ status }: Guest): boolean {
  return status?.os !== undefined && status.interfaces !== undefined;
}

async function untilTrue(question: () => Promise<boolean>): Promise<void> {
  for (const until = performance.now() + timeoutMs; performance.now() < until; await delay(pollMs)) {
    if (await question()) return;
  }
  throw new Error(`it did not come to that within ${timeoutMs} ms`);
}
