import type { ExecResult } from '../api/schema/exec.ts';
import type { ExecEnd } from '../guest/exec-end.ts';
import { outputText } from '../guest/output-text.ts';
import { shownBytes } from '../guest/spool-output-script.ts';
import type { SpoolReport } from '../guest/spool-report.ts';
import type { Ending } from './actions/action.ts';

type Done = Extract<SpoolReport, { state: 'done' }>;

/** What a command's end means for its task, where nobody withdrew it. */
export function outcomeOfEnd(
  end: Exclude<ExecEnd, { kind: 'notStarted' | 'otherBoot' | 'withheld' | 'withdrawn' }>,
  {
    program,
    user,
    workingDirectory,
  }: { program: string; user?: string | undefined; workingDirectory?: string | undefined },
): Ending {
  switch (end.kind) {
    case 'ended':
      return outcomeOfReport(end.report, {
        none: `the guest has no program ${program}: nothing was started`,
        nouser: `the guest has no account ${user}: nothing was started`,
        nodir: `the guest has no folder ${workingDirectory} that can be entered: nothing was started`,
      });
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

const notStartedReasons = { none: 'CommandNotFound', nouser: 'UserNotFound', nodir: 'DirectoryNotFound' } as const;

function outcomeOfReport(report: Done, notStarted: Record<keyof typeof notStartedReasons, string>): Ending {
  const { code, how } = report;
  const exec = execResultOf(report);
  switch (how) {
    case 'none':
    case 'nouser':
    case 'nodir':
      return { phase: 'Failed', reason: notStartedReasons[how], message: notStarted[how], exec };
    case 'signal':
      return { phase: 'Failed', reason: 'Signaled', message: `signal ${code - 128} ended the command`, exec };
    case 'exit':
      return code === 0
        ? { phase: 'Succeeded', reason: 'Completed', message: '', exec }
        : { phase: 'Failed', reason: 'NonZeroExit', message: `the command exited with ${code}`, exec };
  }
}

/** How a command ended and what it printed, as a status has it. */
export function execResultOf(report: Done): ExecResult {
  const { code, how, stdoutBytes, stderrBytes } = report;
  const out = outputText({
    shown: report.stdout,
    headBytes: shownBytes,
    totalBytes: stdoutBytes,
    more: report.moreStdout,
  });
  const err = outputText({
    shown: report.stderr,
    headBytes: shownBytes,
    totalBytes: stderrBytes,
    more: report.moreStderr,
  });
  return {
    ...(how === 'signal' ? { signal: code - 128 } : { exitCode: code }),
    ...(out.text && { stdout: out.text }),
    ...(err.text && { stderr: err.text }),
    ...(out.base64 && { stdoutBase64: out.base64 }),
    ...(err.base64 && { stderrBase64: err.base64 }),
    stdoutBytes,
    stderrBytes,
    ...((out.truncated || err.truncated) && { truncated: true }),
  };
}
