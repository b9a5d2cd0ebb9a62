import { type Random, systemRandom } from '../seams/random.ts';
import { type JournalFile, openJournalFile } from './journal-file.ts';

/** Why it is not known what was sent: the guest left the host that did, or that one's journal was lost. */
export type TakenOver = 'GuestMoved' | 'JournalLost';

/** What may have been sent to a guest. */
export interface Sent {
  /** The domain's UUID. */
  guest: string;
  /** Which kind of action. */
  action: string;
  /** The task's `namespace/name`. */
  task?: string;
  /** Sent, perhaps, by another agent or another life of this one's journal. */
  takenOver?: TakenOver;
  /** The guest's boot when it was sent, where known. */
  bootId?: string;
  /** What that kind of action wants to remember. */
  note?: unknown;
}

/** What the node's disk knows of one task. */
export type JournalEntry<Outcome> =
  /** From this moment on the guest may have been touched. */
  | ({ state: 'sending' } & Sent)
  /**
   * It is over; the outcome waits to be written to the API server. `shared`: several hosts, or lives of this journal, had
   * a hand in it.
   */
  | { state: 'ended'; outcome: Outcome; shared?: true };

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
  readonly #file: JournalFile;
  readonly #entries: Map<string, JournalEntry<Outcome>>;
  #lines: number;
  #pending: { line: Line<Outcome>; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: JournalFile, id: string, entries: Map<string, JournalEntry<Outcome>>) {
    this.#file = file;
    this.id = id;
    this.#entries = entries;
    this.#lines = entries.size;
  }

  /** Opens `<stateDir>/journal.jsonl`, making folder and file where there are none. Throws when the file is damaged. */
  static async open<Outcome>(stateDir: string): Promise<Journal<Outcome>> {
    return await Journal.of(await openJournalFile(stateDir), systemRandom);
  }

  /** The journal that a file holds, or a new one. Throws when the file is damaged. */
  static async of<Outcome>(file: JournalFile, random: Random): Promise<Journal<Outcome>> {
    const text = await file.read();
    const { id, entries } =
      text === undefined
        ? { id: random.uuid(), entries: new Map<string, JournalEntry<Outcome>>() }
        : parse<Outcome>(text, file.path);
    const journal = new Journal(file, id, entries);
    await journal.#compact();
    return journal;
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
    await this.#file.close();
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
        if (this.#lines > compactAfter + this.#entries.size) await this.#compact();
        await this.#file.append(batch.map(({ line }) => `${JSON.stringify(line)}\n`).join(''));
        this.#lines += batch.length;
        for (const { line } of batch) apply(line, this.#entries);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // Half a line may stand in the file now: the next write starts a clean one.
        this.#lines = Number.POSITIVE_INFINITY;
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async #compact(): Promise<void> {
    const lines = [{ journal: this.id }, ...[...this.#entries].map(([task, entry]) => ({ task, entry }))];
    await this.#file.replace(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    this.#lines = this.#entries.size;
  }
}

function parse<Outcome>(text: string, path: string) {
  const entries = new Map<string, JournalEntry<Outcome>>();
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
