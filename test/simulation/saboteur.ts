import type { Hypervisor } from '../../src/guest/hypervisor.ts';
import type { JournalFile } from '../../src/guest/journal-file.ts';
import type { Cluster } from '../../src/kube/cluster.ts';
import type { SimulatedApiServer } from './simulated-api-server.ts';

/** Stands between the programs and their seams, and undoes one of their precautions: a simulation must notice. */
export interface Saboteur {
  journal(file: JournalFile): JournalFile;
  hypervisor(hypervisor: Hypervisor): Hypervisor;
  cluster(cluster: Cluster, server: SimulatedApiServer): Cluster;
}

export const unharmed: Saboteur = {
  journal: (file) => file,
  hypervisor: (hypervisor) => hypervisor,
  cluster: (cluster) => cluster,
};
