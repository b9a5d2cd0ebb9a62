import { type FsFreezeWindow, fsFreezeWindows, guestTasks, ownerUidLabel } from '../../src/api/resources.ts';
import type { FreezeResult } from '../../src/api/schema/freeze.ts';
import type { FsFreezeWindowStatus } from '../../src/api/schema/fs-freeze-window.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { reflect } from '../../src/kube/reflector.ts';
import { createLogger } from '../../src/observability/log.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';

/** One window that was let go as soon as it was frozen. Times in milliseconds since the epoch. */
export interface WindowRun {
  createdAt: number;
  /** When its Frozen was seen. */
  seenFrozenAt: number;
  /** When the release was sent. */
  releasedAt: number;
  status: FsFreezeWindowStatus;
  /** Of each guest. */
  evidence: FreezeResult[];
}

/** Makes windows and lets go of them, as somebody does who watches and has nothing to do meanwhile. */
export interface FreezeWindows {
  /** Rejects unless the window ends Consistent. */
  run(target: FsFreezeWindow['spec']['target']): Promise<WindowRun>;
  close(): Promise<void>;
}

const namespace = 'default';

/** Begins to watch; resolves when no window can be missed any more. */
export async function watchFreezeWindows(kubeconfig: string): Promise<FreezeWindows> {
  const endpoint = await loadEndpoint(kubeconfig, systemClock);
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
  const looks = new Map<string, (window: FsFreezeWindow) => void>();
  const ending = new AbortController();
  const listed = Promise.withResolvers<void>();
  let made = 0;
  const watching = reflect(
    {
      cluster,
      resource: fsFreezeWindows,
      selection: { namespace },
      clock: systemClock,
      random: systemRandom,
      logger: createLogger('error', { component: 'bench' }),
      onList: () => listed.resolve(),
      onEvent: ({ object }) => looks.get(object.metadata.name)?.(object),
    },
    ending.signal,
  );
  await listed.promise;

  async function evidenceOf(uid: string): Promise<FreezeResult[]> {
    const { items } = await cluster.list(guestTasks, { namespace, labelSelector: `${ownerUidLabel}=${uid}` });
    return items.map(({ status }) => status?.freeze ?? {});
  }
  return {
    async run(target) {
      const frozen = Promise.withResolvers<void>();
      const over = Promise.withResolvers<FsFreezeWindow>();
      const metadata = { name: `bench-${(made += 1)}`, namespace };
      looks.set(metadata.name, (window) => {
        if (window.status?.phase === 'Frozen') frozen.resolve();
        if (window.status?.completionTime === undefined) return;
        frozen.resolve();
        over.resolve(window);
      });
      const { group, version, kind } = fsFreezeWindows;
      const createdAt = Date.now();
      await cluster.create(fsFreezeWindows, {
        apiVersion: `${group}/${version}`,
        kind,
        metadata,
        spec: {
          target,
          maxFrozenSeconds: 60,
          consistency: 'Group',
          policy: 'Required',
          startingDeadlineSeconds: 60,
        },
      });
      await frozen.promise;
      const releasedAt = Date.now();
      await cluster.mergePatch(fsFreezeWindows, metadata, { spec: { release: true } });
      const {
        metadata: { uid = '' },
        status = {},
      } = await over.promise;
      looks.delete(metadata.name);
      if (status.verdict !== 'Consistent') throw new Error(`window ${metadata.name} ended ${JSON.stringify(status)}`);
      return { createdAt, seenFrozenAt: releasedAt, releasedAt, status, evidence: await evidenceOf(uid) };
    },
    async close() {
      ending.abort();
      await watching;
      await cluster.close();
    },
  };
}
