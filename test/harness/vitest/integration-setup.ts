import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startControlPlane } from '../control-plane.ts';
import { baseManifests, runFolder } from './shared.ts';

/** One control plane for all integration files. Returns how to end it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await runFolder('int');
  const controlPlane = await startControlPlane({ dir: join(folder.path, 'cp'), manifests: baseManifests });
  project.provide('kubeconfig', controlPlane.kubeconfig);
  return async () => {
    await controlPlane.stop();
    await folder.remove();
  };
}
