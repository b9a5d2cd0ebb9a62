import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startControlPlane } from '../control-plane.ts';
import { startHypervisor } from '../hypervisor.ts';
import { baseManifests, runFolder, sharedGuests } from './shared.ts';

/** One control plane, one hypervisor and a few guests, still booting, for all e2e files. Returns how to end them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await runFolder('e2e');
  const hypervisor = await startHypervisor({ dir: join(folder.path, 'hv') });
  for (const guest of sharedGuests) await hypervisor.defineGuest(guest);
  const controlPlane = await startControlPlane({ dir: join(folder.path, 'cp'), manifests: baseManifests });
  project.provide('kubeconfig', controlPlane.kubeconfig);
  project.provide('hypervisorDir', hypervisor.dir);
  return async () => {
    await Promise.all([controlPlane.stop(), hypervisor.stop()]);
    await folder.remove();
  };
}
