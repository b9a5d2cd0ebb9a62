import type { Cluster } from '../../../src/kube/cluster.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { type VolumeSnapshot, volumeSnapshots } from '../../../src/kube/volume-snapshots.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { systemClock as clock, timestamp } from '../../../src/seams/clock.ts';
import { systemRandom } from '../../../src/seams/random.ts';

/** A STAND-IN for a CSI snapshot controller and its driver: it cuts nothing, and says that it did. */
export interface StandInSnapshotter {
  end(): Promise<void>;
}

/**
 * Serves the VolumeSnapshots of a namespace by the class they name: `slow` never comes to an end, `broken` reports an error
 * for good, `flaky` does once and is cut the next time, all others are cut after a moment.
 */
export function startStandInSnapshotter(cluster: Cluster, namespace: string): StandInSnapshotter {
  const stop = new AbortController();
  const under = new Set<Promise<void>>();
  const informer = new Informer<VolumeSnapshot>({
    cluster,
    resource: volumeSnapshots,
    selection: { namespace },
    clock,
    random: systemRandom,
    logger: silentLogger,
  });
  async function serve(snapshot: VolumeSnapshot): Promise<void> {
    const { volumeSnapshotClassName } = snapshot.spec;
    if (volumeSnapshotClassName === 'slow') return;
    await clock.sleep(200, stop.signal);
    let latest = snapshot;
    if (volumeSnapshotClassName === 'broken' || volumeSnapshotClassName === 'flaky') {
      const error = { message: `the stand-in storage is ${volumeSnapshotClassName}` };
      latest = await cluster.replaceStatus(volumeSnapshots, { ...snapshot, status: { readyToUse: false, error } });
      if (volumeSnapshotClassName === 'broken') return;
      await clock.sleep(1500, stop.signal);
    }
    const status = { readyToUse: true, creationTime: timestamp(clock.now()) };
    await cluster.replaceStatus(volumeSnapshots, { ...latest, status });
  }
  informer.onChange((_, before, after) => {
    if (before || !after) return;
    const served = serve(after).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    under.add(served);
  });
  const running = informer.run(stop.signal);
  return {
    async end() {
      stop.abort();
      await running;
      await Promise.all(under);
    },
  };
}
