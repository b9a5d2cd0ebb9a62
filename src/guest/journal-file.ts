import { closeSync, fdatasync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { replaceFile, writeAll } from '../durable-file.ts';

const sync = promisify(fdatasync);

/** Where a journal is kept: one file of a disk that can fail, or lose what was not synced. */
export interface JournalFile {
  /** For people. */
  readonly path: string;
  /** All of it; undefined when there is no such file. */
  read(): Promise<string | undefined>;
  /**
   * Puts a text in place of all there is. Resolves when that is on the disk; after a crash before, or a failure, the
   * file is the old one or the new one.
   */
  replace(text: string): Promise<void>;
  /**
   * Adds a text to what was last replaced. Resolves when it is on the disk; after a crash before, or a failure, any part
   * of it may be there.
   */
  append(text: string): Promise<void>;
  close(): Promise<void>;
}

/** The journal of a state directory, `journal.jsonl`; makes the directory where there is none. */
export async function openJournalFile(stateDir: string): Promise<JournalFile> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  return new DiskJournalFile(join(stateDir, 'journal.jsonl'));
}

class DiskJournalFile implements JournalFile {
  readonly path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async read(): Promise<string | undefined> {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async replace(text: string): Promise<void> {
    const old = this.#fd;
    this.#fd = replaceFile(this.path, text);
    if (old !== undefined) closeSync(old);
  }

  async append(text: string): Promise<void> {
    if (this.#fd === undefined) throw new Error(`the journal ${this.path} is not open`);
    writeAll(this.#fd, text);
    await sync(this.#fd);
  }

  async close(): Promise<void> {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
