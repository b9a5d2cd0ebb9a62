/** What the spool script says of a run. */
export type SpoolReport =
  | {
      state: 'done';
      bootId: string;
      /** As a shell has it: 128 + signal when `how` is `signal`, 127 when it is `none`. */
      code: number;
      /** It exited, a signal ended it, or there was no such program. */
      how: 'exit' | 'signal' | 'none';
      /** Head and tail where the stream was longer than both together. */
      stdout: Buffer;
      stderr: Buffer;
      stdoutBytes: number;
      stderrBytes: number;
    }
  | {
      /**
       * `running`: started and not ended. `absent`: never started, and not started now. `rebooted`: started before the
       * guest's last boot. `lost`: started, but its launcher ended without a record.
       */
      state: 'running' | 'absent' | 'rebooted' | 'lost';
      bootId: string;
    }
  /** The guest has no place to keep a spool. */
  | { state: 'nospool' };

const firstLine =
  /^qga1 (\S+) (?:(nospool)|(running|absent|rebooted|lost) (\S+)|done (\S+) (\d{1,3}) (exit|signal|none) (\d+) (\d+))\n/;

/**
 * Parses what the launcher of run `id` printed; undefined when it is not its report: a pid that was used again can bring
 * another run's (C8).
 */
export function parseSpoolReport(stdout: Buffer, stderr: Buffer, id: string): SpoolReport | undefined {
  const match = firstLine.exec(stdout.toString('latin1', 0, 256));
  if (!match) return undefined;
  const [line, runId, nospool, state, bootId, doneBootId, code, how, stdoutBytes, stderrBytes] = match;
  if (runId !== id) return undefined;
  if (nospool) return { state: 'nospool' };
  if (state) return { state: state as 'running', bootId: bootId as string };
  return {
    state: 'done',
    bootId: doneBootId as string,
    code: Number(code),
    how: how as 'exit',
    stdout: stdout.subarray(line.length),
    stderr,
    stdoutBytes: Number(stdoutBytes),
    stderrBytes: Number(stderrBytes),
  };
}
