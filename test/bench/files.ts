import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { apiVersion, guestTasks } from '../../src/api/resources.ts';
import type { GuestTaskSpec, GuestTaskStatus } from '../../src/api/schema/guest-task.ts';
import { isOverPhase } from '../../src/api/tasks.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';
import type { Narrator } from '../harness/demo/narrator.ts';
import { timed } from './process-usage.ts';
import type { Stage } from './stage.ts';

/** MiB a second. */
export interface FileRates {
  read: number;
  write: number;
}

export interface Files {
  operator: FileRates;
  script: FileRates;
}

export const fileMebibytes = 16;
const totalBytes = fileMebibytes * 1024 * 1024;
/** What one task carries. */
const taskBytes = 786_432;
const taskTimeoutMs = 120_000;
const scriptTimeoutMs = 600_000;
const scriptFile = join(import.meta.dirname, 'virsh-file.sh');

/** Moves 16 MiB into one guest and out of it, by tasks one after the other and by a script. */
export async function measureFiles(
  { dir, hypervisor, guests, controlPlane }: Stage,
  step: Narrator['step'],
): Promise<Files> {
  const [guest] = guests;
  if (!guest) throw new Error('there is no guest');
  const bytes = randomBytes(totalBytes);
  const local = join(dir, 'file.bin');
  await writeFile(local, bytes);
  const endpoint = await loadEndpoint(controlPlane().kubeconfig, systemClock);
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
  const act = (action: GuestTaskSpec['action']) => runTask(cluster, guest.name, action);
  const byScript = (line: string) =>
    timed('bash', ['-c', line, scriptFile, hypervisor.uri, guest.uuid, local], scriptTimeoutMs);
  try {
    const scriptWrite = await step(`(h) ${fileMebibytes} MiB into a guest by the script`, () =>
      byScript('"$0" write "$1" "$2" /tmp/bench <"$3"'),
    );
    const operatorWrite = await step(`(h) ${fileMebibytes} MiB into a guest by tasks`, () =>
      wallMs(async () => {
        for (let at = 0; at < totalBytes; at += taskBytes) {
          const contentBase64 = bytes.subarray(at, at + taskBytes).toString('base64');
          await act({ writeFile: { path: '/tmp/bench-part', contentBase64 } });
        }
      }),
    );
    const scriptRead = await step(`(h) ${fileMebibytes} MiB out of a guest by the script`, () =>
      byScript('"$0" read "$1" "$2" /tmp/bench | cmp - "$3"'),
    );
    const operatorRead = await step(`(h) ${fileMebibytes} MiB out of a guest by tasks`, () =>
      wallMs(async () => {
        const parts: Buffer[] = [];
        for (let offset = 0; offset < totalBytes; offset += taskBytes) {
          const { readFile } = await act({ readFile: { path: '/tmp/bench', offset, maxBytes: taskBytes } });
          parts.push(Buffer.from(readFile?.contentBase64 ?? '', 'base64'));
        }
        if (!Buffer.concat(parts).equals(bytes)) throw new Error('what was read is not what was written');
      }),
    );
    const rate = (ms: number) => (fileMebibytes / ms) * 1000;
    return {
      operator: { read: rate(operatorRead), write: rate(operatorWrite) },
      script: { read: rate(scriptRead.wallMs), write: rate(scriptWrite.wallMs) },
    };
  } finally {
    await guest.sh('rm -f /tmp/bench /tmp/bench-part');
    await cluster.close();
  }
}

let made = 0;

async function runTask(
  cluster: HttpCluster,
  guestName: string,
  action: GuestTaskSpec['action'],
): Promise<GuestTaskStatus> {
  const metadata = { name: `file-${(made += 1)}`, namespace: 'default' };
  await cluster.create(guestTasks, { apiVersion, kind: 'GuestTask', metadata, spec: { guestName, action } });
  for (const until = performance.now() + taskTimeoutMs; performance.now() < until; await delay(10)) {
    const { status } = await cluster.get(guestTasks, metadata);
    if (!isOverPhase(status?.phase)) continue;
    if (status?.phase !== 'Succeeded') throw new Error(`a task ended as ${status?.reason}: ${status?.message}`);
    return status;
  }
  throw new Error('a task did not end');
}

async function wallMs(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
