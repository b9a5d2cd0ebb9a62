import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';
import type { TestGuest } from './hypervisor/guest.ts';
import { attachHypervisor, type TestHypervisor } from './hypervisor.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';
import { runFolder, type sharedGuests } from './vitest/shared.ts';

/** The control plane that all files of the project share: with the CRDs, and the namespaces qga-system and team-a. */
export function sharedCluster(): Kubectl {
  return createKubectl(inject('kubeconfig'));
}

/**
 * Removes the Guests of an earlier file's agent, which has ended: until its Lease ran out, nobody else would take them.
 * The next agent makes them anew.
 */
export async function forgetGuests(): Promise<void> {
  await sharedCluster().kubectl('delete', 'guests', '--all', '--all-namespaces');
}

/** The hypervisor that all e2e files share. */
export function sharedHypervisor(): TestHypervisor {
  return attachHypervisor(inject('hypervisorDir'));
}

export type SharedGuestName = (typeof sharedGuests)[number]['name'];

/** One of the guests that all e2e files share, its agent answering. Leave it as it was found. */
export async function sharedGuest(name: SharedGuestName): Promise<TestGuest> {
  const guest = await sharedHypervisor().guest(name);
  await guest.waitForAgent();
  return guest;
}

/**
 * A namespace for the calling test file, made before its tests and deleted after them.
 * Call it at the top of the file or of a `describe`.
 */
export function testNamespace(): string {
  const name = `test-${randomBytes(4).toString('hex')}`;
  beforeAll(async () => {
    await sharedCluster().kubectl('create', 'namespace', name);
  });
  afterAll(async () => {
    await sharedCluster().kubectl('delete', 'namespace', name, '--wait=false');
  });
  return name;
}

/** A folder for the calling test file: made before its tests, removed after them. The function gives its path. */
export function testFolder(): (...path: string[]) => string {
  let folder: Awaited<ReturnType<typeof runFolder>> | undefined;
  beforeAll(async () => {
    folder = await runFolder('test');
  });
  afterAll(async () => folder?.remove());
  return (...path) => {
    if (!folder) throw new Error('the folder exists only while tests run');
    return join(folder.path, ...path);
  };
}
