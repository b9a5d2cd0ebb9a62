import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a project's global set-up hands to its test files: only what survives a trip between processes. */
declare module 'vitest' {
  interface ProvidedContext {
    /** Of an administrator of the project's control plane. */
    kubeconfig: string;
    /** Folder of the project's hypervisor. */
    hypervisorDir: string;
  }
}

/** Guests that the e2e files share; a test that breaks a guest defines one of its own. */
export const sharedGuests = [
  { name: 'web-1', namespace: 'team-a', labels: { app: 'web' } },
  { name: 'web-2', namespace: 'team-a', labels: { app: 'web' } },
  { name: 'db-1', namespace: 'team-a', labels: { app: 'db' } },
] as const;

export const repository = join(import.meta.dirname, '../../..');

/** What every cluster under test starts with. */
export const baseManifests = [join(repository, 'crds'), join(import.meta.dirname, 'namespaces.yaml')];

export interface RunFolder {
  path: string;
  /** Removes it, unless QGA_HARNESS_KEEP=1 asks to keep the logs. */
  remove(): Promise<void>;
}

/** A folder for one run, with a path short enough for the unix sockets in it. */
export async function runFolder(project: string): Promise<RunFolder> {
  const path = await mkdtemp(join(tmpdir(), `qga-${project}-`));
  async function remove(): Promise<void> {
    if (process.env['QGA_HARNESS_KEEP'] === '1') console.log(`kept ${path}`);
    else await rm(path, { recursive: true, force: true });
  }
  return { path, remove };
}
