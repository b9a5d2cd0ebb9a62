import type { Exec, ExecResult } from '../../api/schema/exec.ts';
import { defaultLimitBytes } from '../../guest/exec-launch.ts';
import { GuestFile } from '../../guest/guest-file.ts';
import { keptBytes } from '../../guest/spool-output-script.ts';
import type { SpoolReport } from '../../guest/spool-report.ts';
import { spoolFolder } from '../../guest/spool-script.ts';
import { ApiError } from '../../kube/errors.ts';
import { guestFileRead } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import type { OutputKind } from '../output-keeper.ts';
import type { OutputStream } from '../output-name.ts';
import type { ActionRun, Ending } from './action.ts';
import { Patience } from './patience.ts';

type Stored = NonNullable<ExecResult['stored']>;

/** Its base64 is far below what libvirt carries (C1), and fits a ConfigMap. */
const partBytes = 524_288;
/** A guest that is silent for longer doesn't get its output kept; how the command ended is told all the same. */
const longestSilenceMs = 15 * 60_000;
/** The same where nobody waits for the command any longer: a deadline, or a job that let go of it. */
const longestSilenceAfterwardsMs = 60_000;

/**
 * Brings what is kept of a command's streams from the guest into objects of the task, where its output.store asks for
 * that. What can't be brought or stored is told in the ending; how the command ended is never lost for it.
 */
export async function storeOutput(
  run: ActionRun,
  { output }: Exec,
  report: Extract<SpoolReport, { state: 'done' }>,
  ending: Ending,
): Promise<Ending> {
  const kind = output?.store ?? 'Status';
  if (kind === 'Status' || report.stdoutBytes + report.stderrBytes === 0) return ending;
  try {
    // However much the guest says there is.
    const most = keptBytes(output?.limitBytes ?? defaultLimitBytes);
    const stdout = await storeStream(run, kind, 'stdout', Math.min(report.stdoutBytes, most));
    const stderr = await storeStream(run, kind, 'stderr', Math.min(report.stderrBytes, most));
    const stored: Stored = {
      kind,
      ...(stdout.bytes > 0 && { stdout: stdout.names, stdoutBytes: stdout.bytes }),
      ...(stderr.bytes > 0 && { stderr: stderr.names, stderrBytes: stderr.bytes }),
    };
    return { ...ending, exec: { ...ending.exec, stored } };
  } catch (error) {
    if (!(error instanceof AgentError || error instanceof ApiError)) throw error;
    const problem = `its output could not be kept: ${error.message}`;
    return { ...ending, message: ending.message ? `${ending.message}; ${problem}` : problem };
  }
}

async function storeStream(
  run: ActionRun,
  kind: OutputKind,
  stream: OutputStream,
  most: number,
): Promise<{ names: string[]; bytes: number }> {
  const names: string[] = [];
  let bytes = 0;
  const path = `${spoolFolder}/${run.task.metadata.uid}.${stream === 'stdout' ? 'out' : 'err'}`;
  for await (const part of inParts(patientChunks(run, path, most))) {
    names.push(await run.output.keep(kind, stream, names.length, part));
    bytes += part.length;
  }
  return { names, bytes };
}

/** What the file holds, opened anew and read on wherever that failed: to read does no harm. Throws an AgentError. */
async function* patientChunks(run: ActionRun, path: string, most: number): AsyncGenerator<Buffer> {
  const { guest, clock, stopped } = run;
  const patience = patienceOf(run);
  for (let at = 0; at < most; ) {
    try {
      const file = await GuestFile.open(guest.agent, path, 'r', { clock, signal: stopped });
      try {
        if (at > 0) await file.goTo(at);
        for await (const chunk of file.chunks(most - at, partBytes)) {
          patience.answered();
          at += chunk.length;
          yield chunk;
        }
        return;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!(error instanceof AgentError) || !(await patience.bears(error))) throw error;
    }
  }
}

function patienceOf(run: ActionRun): Patience {
  const command = guestFileRead.name;
  if (!run.withdrawn.aborted) return new Patience(run, { command, longestMs: longestSilenceMs });
  const { signal: never } = new AbortController();
  return new Patience({ ...run, withdrawn: never }, { command, longestMs: longestSilenceAfterwardsMs });
}

/** The same bytes in full parts and a last one, in however small pieces the guest gives them: each part is an object. */
async function* inParts(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const part = Buffer.alloc(partBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(part, filled, at);
      at += copied;
      filled += copied;
      if (filled < partBytes) continue;
      yield Buffer.from(part);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
