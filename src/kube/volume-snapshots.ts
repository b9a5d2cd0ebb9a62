import type { KubeObject, Resource } from './objects.ts';

/** snapshot.storage.k8s.io/v1 VolumeSnapshot, which a CSI driver's cluster may or may not serve. */
export interface VolumeSnapshot extends KubeObject {
  spec: { source: { persistentVolumeClaimName: string }; volumeSnapshotClassName?: string };
  status?: {
    /** When the storage cut it. */
    creationTime?: string;
    readyToUse?: boolean;
    error?: { message?: string; time?: string };
  };
}

export const volumeSnapshots: Resource<VolumeSnapshot> = {
  group: 'snapshot.storage.k8s.io',
  version: 'v1',
  kind: 'VolumeSnapshot',
  plural: 'volumesnapshots',
  namespaced: true,
};
