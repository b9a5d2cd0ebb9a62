import type { GuestExecJob } from '../../api/resources.ts';
import type { GuestOutput } from '../output/job-output.ts';

/** A job's end for scripts. */
export function jobForScripts(job: GuestExecJob, outputs: readonly GuestOutput[], exitCode: number): object {
  const { metadata, status = {} } = job;
  const byGuest = new Map(outputs.map((output) => [output.guest, output]));
  return {
    job: metadata.name,
    namespace: metadata.namespace,
    phase: status.phase,
    exitCode,
    guests: (status.guests ?? []).map((result) => {
      const output = byGuest.get(result.name);
      return { ...result, ...(output && textsOf(output)) };
    }),
  };
}

function textsOf({ stdout, stderr, truncated }: GuestOutput): object {
  return { ...textOf('stdout', stdout), ...textOf('stderr', stderr), truncated };
}

/** As text, and where it is no UTF-8 the bytes in base64, too. */
function textOf(name: string, bytes: Buffer): object {
  const text = bytes.toString('utf8');
  return { [name]: text, ...(!Buffer.from(text).equals(bytes) && { [`${name}Base64`]: bytes.toString('base64') }) };
}
