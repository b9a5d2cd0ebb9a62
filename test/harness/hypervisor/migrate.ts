import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestHypervisor } from '../hypervisor.ts';
import { guestFiles } from './domain-xml.ts';
import type { TestGuest } from './guest.ts';

export interface Migration {
  guest: TestGuest;
  from: TestHypervisor;
  to: TestHypervisor;
  /** So slow that it is still under way when somebody looks. Default: as fast as it can be. */
  bandwidthMiB?: number;
  /** Whether its definition stays behind, so that the host it leaves still has a domain of it. Default false. */
  staysDefined?: boolean;
}

/**
 * Moves a running guest to another hypervisor, live, as its operator does: what is in its memory goes with it, its disks
 * stay where they are. Answers the guest as the other hypervisor has it.
 */
export async function migrate({ guest, from, to, bandwidthMiB, staysDefined = false }: Migration): Promise<TestGuest> {
  const there = guestFiles(to.dir, guest.name);
  const here = guestFiles(from.dir, guest.name);
  const definition = (await from.virsh(['dumpxml', '--migratable', guest.uuid]))
    .replaceAll(here.controlSocket, there.controlSocket)
    .replaceAll(here.console, there.console);
  await writeFile(there.xml, definition);
  const how = ['--live', '--p2p', '--persistent', '--unsafe', ...(staysDefined ? [] : ['--undefinesource'])];
  const as = ['--xml', there.xml, '--persistent-xml', there.xml];
  const where = ['--desturi', to.uri, '--migrateuri', `unix://${join(to.dir, `${guest.name}.migration`)}`];
  const pace = bandwidthMiB === undefined ? [] : ['--bandwidth', String(bandwidthMiB)];
  await from.virsh(['migrate', '--domain', guest.uuid, ...how, ...as, ...where, ...pace]);
  return await to.guest(guest.name);
}
