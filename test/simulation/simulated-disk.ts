import type { JournalFile } from '../../src/guest/journal-file.ts';
import type { Chance } from './chance.ts';
import type { DiskFaults } from './faults.ts';
import type { Course, SimulatedProcess } from './simulated-process.ts';

/** A node's disk with the one file that an agent keeps there. What was not synced a crash may take, whole or in part. */
export class SimulatedDisk {
  readonly #chance: Chance;
  readonly #faults: () => DiskFaults | undefined;
  #synced: string | undefined;
  #unsynced = '';

  constructor(chance: Chance, faults: () => DiskFaults | undefined) {
    this.#chance = chance;
    this.#faults = faults;
  }

  /** The file as one process has it. */
  open(process: SimulatedProcess): JournalFile {
    process.onDeath(() => this.#crash());
    return {
      path: `the journal of ${process.name}`,
      read: () =>
        process.call(this.#course(), () => (this.#synced === undefined ? undefined : this.#synced + this.#unsynced)),
      replace: (text) =>
        process.call(this.#course(), () => {
          if (!process.alive) return;
          this.#synced = text;
          this.#unsynced = '';
        }),
      append: (text) => {
        if (process.alive) this.#unsynced += text;
        return process.call(this.#course(), () => {
          if (!process.alive) return;
          this.#synced += this.#unsynced;
          this.#unsynced = '';
        });
      },
      close: () => Promise.resolve(),
    };
  }

  /** As when the node is set up anew. */
  wipe(): void {
    this.#synced = undefined;
    this.#unsynced = '';
  }

  #crash(): void {
    const kept = this.#unsynced.slice(0, this.#chance.count(0, this.#unsynced.length));
    if (this.#synced !== undefined) this.#synced += kept;
    this.#unsynced = '';
  }

  #course(): Course {
    const effectMs = this.#chance.between(0.5, 6);
    const answerMs = effectMs;
    switch (this.#chance.oneOf(this.#faults()?.calls ?? {})) {
      case undefined:
        return { effectMs, answerMs };
      case 'full':
        return { effectMs: undefined, answerMs, error: new Error('ENOSPC: no space left on device') };
      case 'slow':
        return { effectMs: 2000, answerMs: 2000 };
      case 'crashBefore':
        return { effectMs, answerMs, crash: 'before' };
      case 'crashAfter':
        return { effectMs, answerMs, crash: 'after' };
    }
  }
}
