import type { ExecResult } from '../api/schema/exec.ts';
import type { ExecEnd } from '../guest/exec-run.ts';
import { outputText } from '../guest/output-text.ts';
import type { SpoolReport } from '../guest/spool-report.ts';
import type { TaskOutcome } from './task-decision.ts';

type Ending = Omit<TaskOutcome, 'startTime' | 'completionTime'>;

/** What a command's end means for its task. */
export function outcomeOfEnd(end: Exclude<ExecEnd, { kind: 'notStarted' }>, program: string): Ending {
  switch (end.kind) {
    case 'ended':
      return outcomeOfReport(end.report, program);
    case 'unknown':
      return { phase: 'Unknown', reason: end.reason, message: end.message };
    case 'noSpool':
      return {
        phase: 'Failed',
        reason: 'NoSpool',
        message: 'the guest has no writable /run to keep the command’s output in: nothing was started',
      };
  }
}

function outcomeOfReport(report: Extract<SpoolReport, { state: 'done' }>, program: string): Ending {
  const { code, how } = report;
  const output = outputOf(report);
  switch (how) {
    case 'none': {
      const message = `the guest has no program ${program}: nothing was started`;
      return { phase: 'Failed', reason: 'CommandNotFound', message, exec: { exitCode: code, ...output } };
    }
    case 'signal': {
      const signal = code - 128;
      return {
        phase: 'Failed',
        reason: 'Signaled',
        message: `signal ${signal} ended the command`,
        exec: { signal, ...output },
      };
    }
    case 'exit':
      return code === 0
        ? { phase: 'Succeeded', reason: 'Completed', message: '', exec: { exitCode: 0, ...output } }
        : {
            phase: 'Failed',
            reason: 'NonZeroExit',
            message: `the command exited with ${code}`,
            exec: { exitCode: code, ...output },
          };
  }
}

function outputOf({ stdout, stderr, stdoutBytes, stderrBytes }: Extract<SpoolReport, { state: 'done' }>): ExecResult {
  const out = outputText(stdout, stdoutBytes);
  const err = outputText(stderr, stderrBytes);
  return {
    ...(out.text && { stdout: out.text }),
    ...(err.text && { stderr: err.text }),
    ...(out.base64 && { stdoutBase64: out.base64 }),
    ...(err.base64 && { stderrBase64: err.base64 }),
    stdoutBytes,
    stderrBytes,
    ...((out.truncated || err.truncated) && { truncated: true }),
  };
}
