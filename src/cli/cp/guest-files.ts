import { createHash } from 'node:crypto';
import { guests } from '../../api/resources.ts';
import { mostFileBytes, type ReadFileResult } from '../../api/schema/file-actions.ts';
import { ApiError } from '../../kube/errors.ts';
import type { Session } from '../connect/session.ts';
import { runTask, TaskFailedError } from '../tasks/run-task.ts';
import type { GuestPlace } from './places.ts';
import { lookScript } from './scripts.ts';

/** What a copy is checked and finished by. */
export interface FileFacts {
  /** In octal digits. */
  mode: string;
  /** How much of it is copied; undefined: all that it has. */
  bytes: number | undefined;
  /** Of that, in hexadecimal digits. */
  sha256: string;
}

/** All that goes by tasks lies in the API server's store for some minutes. */
export const mostCopiedBytes = 64 * 1024 * 1024;

/** Reasons for which the file itself may be read all the same, or reading it tells better what is wrong. */
const noLook: ReadonlySet<string> = new Set([
  'NonZeroExit',
  'CommandBlocked',
  'CommandUnsupported',
  'CommandNotFound',
  'ShellNotStarted',
  'ActionNotAllowed',
  'NoSpool',
]);

const partSeconds = 120;
const lookSeconds = 120;

export class CopyError extends Error {
  override readonly name = 'CopyError';
  readonly code = 'CopyFailed';
}

/** What a guest's file is like now; undefined where the guest lets nobody run a shell, or has no such tools. */
export async function look(session: Session, { guest, path }: GuestPlace): Promise<FileFacts | undefined> {
  const action = { exec: { script: { source: lookScript, args: [path] } } };
  try {
    const { exec } = await runTask(session, { guest, action, prefix: 'cp', seconds: lookSeconds });
    const [, mode, size, sha256] = /^([0-7]{3,4}) (\d+)\n([0-9a-f]{64})\b/.exec(exec?.stdout ?? '') ?? [];
    if (mode === undefined || sha256 === undefined) return undefined;
    return { mode, bytes: Number(size) || undefined, sha256 };
  } catch (error) {
    if (error instanceof TaskFailedError && noLook.has(error.reason)) return undefined;
    throw error;
  }
}

/** A guest's file piece by piece, each verified by its SHA-256; `most` bytes where that is given. */
export async function* piecesOf(
  session: Session,
  { guest, path }: GuestPlace,
  most: number | undefined,
): AsyncGenerator<Buffer> {
  if ((most ?? 0) > mostCopiedBytes) throw tooLarge(path);
  for (let offset = 0; ; ) {
    const maxBytes = Math.min(mostFileBytes, (most ?? Number.POSITIVE_INFINITY) - offset);
    const action = { readFile: { path, offset, maxBytes } };
    const { readFile } = await runTask(session, { guest, action, prefix: 'cp', seconds: partSeconds });
    if (!readFile) throw new CopyError(`guest ${guest} says that it read ${path}, and not what`);
    const bytes = bytesOf(readFile);
    if (sha256Of(bytes) !== readFile.sha256) throw new CopyError(`what was read of ${path} came here changed`);
    yield bytes;
    offset += bytes.length;
    if (readFile.eof || bytes.length === 0 || offset === most) return;
    if (most === undefined && Math.max(offset, readFile.size ?? 0) > mostCopiedBytes) throw tooLarge(path);
  }
}

/** Who may not look at guests is told of none. */
export async function isWindows({ cluster, namespace, signal }: Session, guest: string): Promise<boolean> {
  try {
    const { status } = await cluster.get(guests, { namespace, name: guest }, { signal });
    return status?.os?.id === 'mswindows';
  } catch (error) {
    if (error instanceof ApiError && error.code === 403) return false;
    throw error;
  }
}

function bytesOf({ content = '', contentBase64 }: ReadFileResult): Buffer {
  return contentBase64 === undefined ? Buffer.from(content) : Buffer.from(contentBase64, 'base64');
}

export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function tooLarge(path: string): CopyError {
  return new CopyError(`${path} has over 64 MiB: too much to go through the Kubernetes API`);
}
