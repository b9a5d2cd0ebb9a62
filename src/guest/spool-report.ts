import { progressBytes, shownBytes } from './spool-output-script.ts';

/** How a command ended: it exited, a signal ended it, or it was not started for want of a program, account or folder. */
export type HowEnded = 'exit' | 'signal' | 'none' | 'nouser' | 'nodir';

/** What the spool's scripts say of a run. */
export type SpoolReport =
  | {
      state: 'done';
      bootId: string;
      /** As a shell has it: 128 + signal when `how` is `signal`. */
      code: number;
      how: HowEnded;
      /** It was sent a signal because nobody wanted it any more: in this life of the process or in an earlier one. */
      killed: boolean;
      /** Head and tail where what is kept of the stream is longer than both together. */
      stdout: Buffer;
      stderr: Buffer;
      /** How much is kept of each stream in the guest. */
      stdoutBytes: number;
      stderrBytes: number;
      /** More came than is kept: then the tail is of what came after it. */
      moreStdout: boolean;
      moreStderr: boolean;
    }
  | {
      state: 'running';
      bootId: string;
      /** The end of what has come so far. */
      stdout: Buffer;
      stderr: Buffer;
      stdoutBytes: number;
      stderrBytes: number;
    }
  | {
      /**
       * `absent`: never started, and not started now. `withdrawn`: not started in this boot, and never to be. `rebooted`: started before the guest's last boot. `lost`: started,
       * but its launcher ended without a record.
       */
      state: 'absent' | 'withdrawn' | 'rebooted' | 'lost';
      bootId: string;
    }
  /** `taken`: not started, since it was before. `nospool`: the guest has no place to keep a spool; nothing was started. */
  | { state: 'taken' | 'nospool' };

const firstLine =
  /^qga1 (\S+) (?:(taken|nospool)|(absent|withdrawn|rebooted|lost) (\S+)|running (\S+) (\d+)\+? (\d+)\+?|done (\S+) (\d{1,3}) (exit|signal|none|nouser|nodir)( killed)? (\d+\+?) (\d+\+?))\n/;

/**
 * Parses what a script of run `id` printed; undefined when it is not its report: a pid that was used again can bring
 * another run's (C8), and whoever is root in the guest anything. More than its scripts print is cut off.
 */
export function parseSpoolReport(stdout: Buffer, stderr: Buffer, id: string): SpoolReport | undefined {
  const match = firstLine.exec(stdout.toString('latin1', 0, 256));
  if (!match) return undefined;
  const [line, runId, plain, state, bootId, runningIn, outSoFar, errSoFar, doneIn, code, how, killed, out, err] = match;
  if (runId !== id) return undefined;
  if (plain) return { state: plain as 'taken' };
  if (state) return { state: state as 'absent', bootId: bootId as string };
  const printed = stdout.subarray(line.length);
  const bytes = {
    stdoutBytes: Number.parseInt(outSoFar ?? out ?? '', 10),
    stderrBytes: Number.parseInt(errSoFar ?? err ?? '', 10),
  };
  if (!Number.isSafeInteger(bytes.stdoutBytes) || !Number.isSafeInteger(bytes.stderrBytes)) return undefined;
  if (runningIn) {
    return { state: 'running', bootId: runningIn, ...cut(printed, stderr, progressBytes), ...bytes };
  }
  return {
    state: 'done',
    bootId: doneIn as string,
    code: Number(code),
    how: how as HowEnded,
    killed: killed !== undefined,
    ...cut(printed, stderr, 2 * shownBytes),
    ...bytes,
    moreStdout: out?.endsWith('+') === true,
    moreStderr: err?.endsWith('+') === true,
  };
}

function cut(stdout: Buffer, stderr: Buffer, most: number): { stdout: Buffer; stderr: Buffer } {
  return { stdout: stdout.subarray(0, most), stderr: stderr.subarray(0, most) };
}
