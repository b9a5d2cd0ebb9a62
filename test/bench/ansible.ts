import { join } from 'node:path';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { harnessPaths } from '../harness/paths.ts';
import { run } from '../harness/run.ts';
import type { Peer } from './peers.ts';

const setupScript = join(import.meta.dirname, 'ansible.sh');
const program = join(import.meta.dirname, 'ansible-exec.py');
const setupTimeoutMs = 180_000;

interface Result {
  tookMs: number[];
  wallMs: number;
  cpuMs: number;
}

/**
 * Ansible's libvirt_qemu connection, without the rest of Ansible, which would take much longer. Installs it into the cache where
 * it isn't there; rejects where it can't be had.
 */
export async function ansibleConnection(uri: string): Promise<Peer> {
  const folder = harnessPaths().ansible;
  await run('bash', [setupScript, folder], { timeoutMs: setupTimeoutMs });
  async function execute(guests: readonly TestGuest[], runs: number): Promise<Result> {
    const output = await run('/usr/bin/python3', [program, uri, String(runs), ...guests.map(({ name }) => name)], {
      env: { PYTHONPATH: join(folder, 'site'), ANSIBLE_LOCAL_TEMP: '/tmp', ANSIBLE_DEPRECATION_WARNINGS: '0' },
      timeoutMs: 120_000,
    });
    return JSON.parse(output) as Result;
  }
  return {
    oneByOne: async (guest, runs) => (await execute([guest], runs)).tookMs,
    allAtOnce: (guests, runs) => execute(guests, runs),
  };
}
