import { type FsFreezeWindow, ownerUidLabel, verdictLabel, windowLabel } from '../api/resources.ts';
import type { SnapshotResult } from '../api/schema/fs-freeze-window.ts';
import { uidOf } from '../kube/objects.ts';
import type { VolumeSnapshot } from '../kube/volume-snapshots.ts';
import { cut, labelValue } from './task-template.ts';

const longestMessage = 1024;

/** How one of a window's VolumeSnapshots fares. */
export type SnapshotState = SnapshotResult & { missing?: boolean };

/** Cut while all guests were frozen. */
export function isGood({ creationTime, error }: SnapshotResult): boolean {
  return creationTime !== undefined && error === undefined;
}

/**
 * The VolumeSnapshots that a window takes. It labels them but doesn't own them: a backup must outlive the receipt that it
 * was taken by. Each is worth nothing until it is known to be good: nobody may be there when it is cut.
 */
export function snapshotsOf(window: FsFreezeWindow): VolumeSnapshot[] {
  const { metadata, spec } = window;
  return (spec.volumeSnapshots ?? []).map(({ name, persistentVolumeClaimName, volumeSnapshotClassName }) => ({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: {
      name: name ?? snapshotName(metadata.name, persistentVolumeClaimName),
      namespace: metadata.namespace as string,
      labels: {
        [windowLabel]: labelValue(metadata.name),
        [ownerUidLabel]: uidOf(window),
        [verdictLabel]: 'ConsistencyLost',
      },
    },
    spec: {
      source: { persistentVolumeClaimName },
      ...(volumeSnapshotClassName !== undefined && { volumeSnapshotClassName }),
    },
  }));
}

function snapshotName(window: string, claim: string): string {
  return `${cut(window, 126)}-${cut(claim, 126)}`;
}

/**
 * What the cluster shows of a snapshot that the window wants. An error of its status is no end: its controller sets one on
 * every conflict and timeout, tries again, and takes it back.
 */
export function snapshotState(wanted: VolumeSnapshot, found: VolumeSnapshot | undefined): SnapshotState {
  const state = { name: wanted.metadata.name, persistentVolumeClaimName: wanted.spec.source.persistentVolumeClaimName };
  if (!found) return { ...state, missing: true };
  if (found.metadata.labels?.[ownerUidLabel] !== wanted.metadata.labels?.[ownerUidLabel]) {
    return { ...state, error: 'there is one of that name already, which is not of this window' };
  }
  const { creationTime, error } = found.status ?? {};
  return {
    ...state,
    ...(creationTime && { creationTime }),
    ...(!creationTime && error && { message: clipped(error.message ?? 'the storage gave no reason') }),
  };
}

function clipped(text: string): string {
  return text.length > longestMessage ? `${text.slice(0, longestMessage - 1)}…` : text;
}
