import { createHash } from 'node:crypto';
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { mostFileBytes } from '../../api/schema/file-actions.ts';
import type { Session } from '../connect/session.ts';
import { runTask, TaskFailedError } from '../tasks/run-task.ts';
import { CopyError, isWindows, look, mostCopiedBytes, piecesOf, sha256Of, tooLarge } from './guest-files.ts';
import { placeHere } from './here.ts';
import { fileName, type GuestPlace } from './places.ts';
import { discardScript, joinScript } from './scripts.ts';

/** What was copied. */
export interface Copied {
  from: string;
  to: string;
  bytes: number;
  sha256: string;
  /** Compared with what the guest says of the whole file, not only of each piece. */
  verified: boolean;
  /** In octal digits; undefined where it is not known there. */
  mode: string | undefined;
}

const writeSeconds = 120;

/** Copies a guest's file here, and puts it in place as a whole. */
export async function fromGuest(session: Session, from: GuestPlace, to: string): Promise<Copied> {
  const place = await placeHere(to, fileName(from.path));
  const facts = await look(session, from);
  const temporary = `${place.real}.qga-cp-${session.random.uuid().slice(0, 8)}`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    // Where the guest's mode is not known, it has the one that new files have here.
    const file = await open(temporary, 'wx', facts ? 0o600 : 0o666);
    try {
      for await (const piece of piecesOf(session, from, facts?.bytes)) {
        hash.update(piece);
        bytes += piece.length;
        await file.writeFile(piece);
        tellProgress(session, bytes, undefined);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const sha256 = hash.digest('hex');
    if (facts && facts.sha256 !== sha256) {
      throw new CopyError(`${from.path} was changed in guest ${from.guest} while it was copied: try again`);
    }
    if (facts) await chmod(temporary, Number.parseInt(facts.mode, 8) & 0o777);
    await rename(temporary, place.real);
    const verified = facts !== undefined;
    return { from: `${from.guest}:${from.path}`, to: place.path, bytes, sha256, verified, mode: facts?.mode };
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Copies a file of this machine into a guest, and has it put in place there as a whole. */
export async function toGuest(session: Session, from: string, to: GuestPlace): Promise<Copied> {
  const status = await stat(from);
  if (!status.isFile()) throw new CopyError(`${from} is no file: only single files are copied`);
  if (status.size > mostCopiedBytes) throw tooLarge(from);
  const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
  const content = await readFile(from);
  const sha256 = sha256Of(content);
  const hasMode = await (content.length <= mostFileBytes ? writeWhole : writeInParts)(session, to, content, mode);
  const copied = { from, to: `${to.guest}:${to.path}`, bytes: content.length, sha256, verified: true };
  return { ...copied, mode: hasMode ? mode : undefined };
}

/** Answers whether it has its mode there. */
async function writeWhole(session: Session, to: GuestPlace, content: Buffer, mode: string): Promise<boolean> {
  try {
    await write(session, to, content, mode);
    return true;
  } catch (error) {
    if (!needsShell(error)) throw error;
  }
  const readByAll = (Number.parseInt(mode, 8) & 0o004) !== 0;
  if (!readByAll && !(await isWindows(session, to.guest))) {
    throw new CopyError(
      `guest ${to.guest} lets nobody run a shell, so everybody there could read ${to.path}: allow guest-exec there, or let everybody read the file here`,
    );
  }
  const message = await write(session, to, content, undefined);
  session.tell(`kubectl qga: without its mode: ${message}`);
  return false;
}

/** Answers what its task has to say. */
async function write(
  session: Session,
  { guest, path }: GuestPlace,
  content: Buffer,
  mode: string | undefined,
): Promise<string | undefined> {
  const action = {
    writeFile: { path, contentBase64: content.toString('base64'), ...(mode !== undefined && { mode }) },
  };
  const { writeFile, message } = await runTask(session, { guest, action, prefix: 'cp', seconds: writeSeconds });
  if (writeFile?.sha256 !== sha256Of(content)) throw new CopyError(`guest ${guest} has something else in ${path}`);
  return message;
}

/** Nothing was changed then. */
function needsShell(error: unknown): boolean {
  return error instanceof TaskFailedError && error.reason === 'ExecNeeded';
}

/** A task carries a part of it; a script in the guest puts them together. */
async function writeInParts(session: Session, to: GuestPlace, content: Buffer, mode: string): Promise<boolean> {
  const { guest, path } = to;
  const base = `${path}.qga-cp-${session.random.uuid().slice(0, 8)}`;
  let count = 0;
  try {
    for (let from = 0; from < content.length; from += mostFileBytes) {
      const part = content.subarray(from, from + mostFileBytes);
      await write(session, { guest, path: `${base}.${count}` }, part, '0600');
      count += 1;
      tellProgress(session, from + part.length, content.length);
    }
    const args = [path, base, String(count), sha256Of(content), mode];
    await runScript(session, guest, joinScript, args);
    return true;
  } catch (error) {
    if (needsShell(error)) {
      throw new CopyError(
        `a shell puts parts together, and guest ${guest} lets nobody run one: allow guest-exec there`,
      );
    }
    await discard(session, guest, base);
    throw error;
  }
}

async function runScript(session: Session, guest: string, source: string, args: string[]): Promise<void> {
  const action = { exec: { script: { source, args } } };
  await runTask(session, { guest, action, prefix: 'cp', seconds: writeSeconds });
}

/** Also when this process is to end: what is half there is nobody's. */
async function discard(session: Session, guest: string, base: string): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  try {
    await runScript({ ...session, signal }, guest, discardScript, [base]);
  } catch {
    session.tell(`kubectl qga: ${base}.* could not be removed from guest ${guest}`);
  }
}

/** On a terminal, of files that take more than one task. */
function tellProgress({ tell }: Session, done: number, all: number | undefined): void {
  if (!process.stderr.isTTY || (all === undefined && done <= mostFileBytes)) return;
  const mib = (bytes: number) => (bytes / 1048576).toFixed(1);
  tell(all === undefined ? `${mib(done)} MiB` : `${mib(done)} of ${mib(all)} MiB`);
}
