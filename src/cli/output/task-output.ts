import type { GuestTask } from '../../api/resources.ts';
import type { ExecResult } from '../../api/schema/exec.ts';
import type { Cluster } from '../../kube/cluster.ts';
import { configMaps, secrets } from '../../kube/core-resources.ts';

/** What a command printed, byte for byte, as far as it was kept. */
export interface TaskOutput {
  stdout: Buffer;
  stderr: Buffer;
  /** The middle of a stream is left out. */
  truncated: boolean;
}

/** What a task's command printed: put together from the objects that hold all of it, or what its status has. */
export async function outputOf(
  cluster: Pick<Cluster, 'get'>,
  task: GuestTask | undefined,
  signal: AbortSignal,
): Promise<TaskOutput> {
  const { exec = {} } = task?.status ?? {};
  const { stored } = exec;
  if (!stored) return { ...inStatus(exec), truncated: exec.truncated ?? false };
  const read = (names: readonly string[] | undefined) =>
    joined(cluster, task?.metadata.namespace, stored.kind, names ?? [], signal);
  return {
    stdout: await read(stored.stdout),
    stderr: await read(stored.stderr),
    truncated: isLess(stored.stdoutBytes, exec.stdoutBytes) || isLess(stored.stderrBytes, exec.stderrBytes),
  };
}

function inStatus({ stdout, stderr, stdoutBase64, stderrBase64 }: ExecResult): Pick<TaskOutput, 'stdout' | 'stderr'> {
  return { stdout: bytesOf(stdout, stdoutBase64), stderr: bytesOf(stderr, stderrBase64) };
}

function bytesOf(text = '', base64: string | undefined): Buffer {
  return base64 === undefined ? Buffer.from(text) : Buffer.from(base64, 'base64');
}

function isLess(kept = 0, printed = 0): boolean {
  return kept < printed;
}

async function joined(
  cluster: Pick<Cluster, 'get'>,
  namespace: string | undefined,
  kind: 'ConfigMap' | 'Secret',
  names: readonly string[],
  signal: AbortSignal,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const name of names) {
    const ref = { namespace, name };
    const data =
      kind === 'Secret'
        ? (await cluster.get(secrets, ref, { signal })).data
        : (await cluster.get(configMaps, ref, { signal })).binaryData;
    parts.push(Buffer.from(data?.['data'] ?? '', 'base64'));
  }
  return Buffer.concat(parts);
}
