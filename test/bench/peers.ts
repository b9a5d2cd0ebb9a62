import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { run } from '../harness/run.ts';
import { type Timed, timed } from './process-usage.ts';

/** Runs `true` in guests without Kubernetes. */
export interface Peer {
  /** One run after the other in one guest; how many milliseconds each took. */
  oneByOne(guest: TestGuest, runs: number): Promise<number[]>;
  /** So many runs in each of the guests, all guests at once. */
  allAtOnce(guests: readonly TestGuest[], runs: number): Promise<Timed>;
}

/** Who runs `true` beside the operator. */
export interface Peers {
  script: Peer;
  /** Undefined where it can't be had. */
  ansible: Peer | undefined;
  client: Peer;
}

const scriptFile = join(import.meta.dirname, 'virsh-exec.sh');
const clientSource = join(import.meta.dirname, 'bare-client.c');

/** The shell script with virsh; several guests by xargs, as many at once as there are guests. */
export function virshScript(dir: string, uri: string): Peer {
  return {
    async oneByOne(guest, runs) {
      const took: number[] = [];
      for (let i = 0; i < runs; i++) {
        const started = performance.now();
        await run(scriptFile, [uri, guest.uuid]);
        took.push(performance.now() - started);
      }
      return took;
    },
    async allAtOnce(guests, runs) {
      const list = join(dir, 'xargs.list');
      await writeFile(list, `${guests.map(({ uuid }) => uuid).join('\n')}\n`.repeat(runs));
      return timed('xargs', ['-a', list, `-P${guests.length}`, '-n1', scriptFile, uri]);
    },
  };
}

/** The C program, compiled into `dir`. Its connections stand before its stopwatch starts. */
export async function bareClient(dir: string, uri: string): Promise<Peer> {
  const program = join(dir, 'bare-client');
  const libraries = ['-l:libvirt.so.0', '-l:libvirt-qemu.so.0'];
  await run('gcc', ['-O2', '-Wall', '-pthread', '-o', program, clientSource, ...libraries]);
  return {
    oneByOne: async (guest, runs) =>
      (await run(program, [uri, String(runs), guest.uuid])).trim().split('\n').map(Number),
    allAtOnce: (guests, runs) => timed(program, [uri, String(runs), ...guests.map(({ uuid }) => uuid)]),
  };
}
