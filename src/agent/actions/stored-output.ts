import type { Exec, ExecResult } from '../../api/schema/exec.ts';
import { GuestFile } from '../../guest/guest-file.ts';
import type { SpoolReport } from '../../guest/spool-report.ts';
import { spoolFolder } from '../../guest/spool-script.ts';
import { ApiError } from '../../kube/errors.ts';
import { AgentError } from '../../qga/errors.ts';
import type { OutputKind } from '../output-keeper.ts';
import type { OutputStream } from '../output-name.ts';
import type { ActionRun, Ending } from './action.ts';

type Stored = NonNullable<ExecResult['stored']>;

/** Its base64 is far below what libvirt carries (C1), and fits a ConfigMap. */
const chunkBytes = 524_288;

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
    const stdout = await storeStream(run, kind, 'stdout', report.stdoutBytes);
    const stderr = await storeStream(run, kind, 'stderr', report.stderrBytes);
    const stored: Stored = {
      kind,
      ...(stdout.length > 0 && { stdout, stdoutBytes: report.stdoutBytes }),
      ...(stderr.length > 0 && { stderr, stderrBytes: report.stderrBytes }),
    };
    return { ...ending, exec: { ...ending.exec, stored } };
  } catch (error) {
    if (!(error instanceof AgentError || error instanceof ApiError)) throw error;
    const problem = `its output could not be kept: ${error.message}`;
    return { ...ending, message: ending.message ? `${ending.message}; ${problem}` : problem };
  }
}

async function storeStream(
  { task, guest, output, clock, stopped }: ActionRun,
  kind: OutputKind,
  stream: OutputStream,
  bytes: number,
): Promise<string[]> {
  if (bytes === 0) return [];
  const names: string[] = [];
  const path = `${spoolFolder}/${task.metadata.uid}.${stream === 'stdout' ? 'out' : 'err'}`;
  const file = await GuestFile.open(guest.agent, path, 'r', { clock, signal: stopped });
  try {
    for await (const chunk of file.chunks(bytes, chunkBytes)) {
      names.push(await output.keep(kind, stream, names.length, chunk));
    }
  } finally {
    await file.close();
  }
  return names;
}
