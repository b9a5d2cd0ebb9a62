import { randomUUID } from 'node:crypto';
import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const sync = promisify(fdatasync);

/** What the node's disk knows of one task. */
export type JournalEntry<Outcome> =
  /** From this moment on the guest may have been touched. `bootId`: the guest's boot then, where known. */
  | { state: 'sending'; bootId?: string }
  /** It is over; the outcome waits to be written to the API server. */
  | { state: 'ended'; outcome: Outcome };

interface Line<Outcome> {
  task: string;
  entry: JournalEntry<Outcome> | null;
}

/** Dead lines that are tolerated before the file is written anew. */
const compactAfter = 4096;

/**
 * The node's memory of what it did to its guests: an append-only file, synced to disk before anybody acts on what was
 * written. It survives the agent process; it is what makes "at most once" and "never lost" true.
 *
 * Writes that come together share one fdatasync. A last line cut short by a crash was never acted upon and is dropped.
 */
export class Journal<Outcome> {
  /** This journal's identity, made with the file: a claim that names another one was made by a node since re-imaged. */
  readonly id: string;
  readonly #path: string;
  readonly #entries: Map<string, JournalEntry<Outcome>>;
  #fd: number;
  #lines: number;
  #pending: { line: Line<Outcome>; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;

  private constructor(path: string, id: string, entries: Map<string, JournalEntry<Outcome>>) {
    this.#path = path;
    this.id = id;
    this.#entries = entries;
    this.#lines = entries.size;
    this.#fd = writeWhole(path, id, entries);
  }

  /** Opens `<stateDir>/journal.jsonl`, making folder and file where there are none. Throws when the file is damaged. */
  static async open<Outcome>(stateDir: string): Promise<Journal<Outcome>> {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const path = join(stateDir, 'journal.jsonl');
    const { id, entries } = parse<Outcome>(readIfThere(path), path);
    return new Journal(path, id, entries);
  }

  get(task: string): JournalEntry<Outcome> | undefined {
    return this.#entries.get(task);
  }

  /** The tasks that are not yet over or not yet delivered. */
  tasks(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Resolves when the entry is on the disk. */
  async record(task: string, entry: JournalEntry<Outcome>): Promise<void> {
    await this.#append({ task, entry });
  }

  /** Forgets a task whose outcome the API server has, or that has no object any more. */
  async forget(task: string): Promise<void> {
    if (this.#entries.has(task)) await this.#append({ task, entry: null });
  }

  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    closeSync(this.#fd);
  }

  #append(line: Line<Outcome>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, resolve, reject });
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
    });
  }

  async #write(): Promise<void> {
    // What is recorded in the same turn shares the first sync.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        if (this.#lines > compactAfter + this.#entries.size) this.#compact();
        writeAll(this.#fd, batch.map(({ line }) => `${JSON.stringify(line)}\n`).join(''));
        this.#lines += batch.length;
        await sync(this.#fd);
        for (const { line } of batch) apply(line, this.#entries);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Half a line may stand in the file now: the next write starts a clean one.
        this.#lines = Number.POSITIVE_INFINITY;
        for (const { reject } of batch) reject(error);
      }
    }
  }

  #compact(): void {
    const old = this.#fd;
    this.#fd = writeWhole(this.#path, this.id, this.#entries);
    this.#lines = this.#entries.size;
    closeSync(old);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse<Outcome>(text: string | undefined, path: string) {
  const entries = new Map<string, JournalEntry<Outcome>>();
  if (text === undefined) return { id: randomUUID(), entries };
  const lines = text.split('\n');
  // What follows the last newline was cut short by a crash before anybody was told it is written.
  lines.pop();
  const [header, ...rest] = lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (error) {
      throw new Error(`the journal ${path} is damaged in line ${index + 1}: move it away to start anew`, {
        cause: error,
      });
    }
  });
  const id = (header as { journal?: string } | undefined)?.journal;
  if (!id) throw new Error(`${path} is not a journal: move it away to start anew`);
  for (const line of rest as Line<Outcome>[]) apply(line, entries);
  return { id, entries };
}

function apply<Outcome>({ task, entry }: Line<Outcome>, entries: Map<string, JournalEntry<Outcome>>): void {
  if (entry) entries.set(task, entry);
  else entries.delete(task);
}

/** Replaces the file as a whole, and returns it open for appending. */
function writeWhole(path: string, id: string, entries: ReadonlyMap<string, unknown>): number {
  const fresh = `${path}.new`;
  const lines = [{ journal: id }, ...[...entries].map(([task, entry]) => ({ task, entry }))];
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeAll(fd, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    fsyncSync(fd);
    renameSync(fresh, path);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
