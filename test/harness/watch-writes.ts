import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { type ConsoleLine, type FrozenInterval, frozenIntervals } from './frozen-intervals.ts';
import type { TestGuest } from './hypervisor/guest.ts';

/** A process in a guest that writes all the time, and so can't help noticing a freeze. */
export interface WriteWatcher {
  /** When the filesystem was frozen so far, independent of what anybody claims. */
  frozenIntervals(): FrozenInterval[];
  /** Resolves when a write that began after the call is done: never while the filesystem is frozen. */
  nextWrite(timeoutMs?: number): Promise<void>;
  /** Ends the process in the guest. */
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;

/**
 * Starts to write in the guest, ten times a second, to a file on the filesystem that freezes: the data disk of a small
 * guest, the root of a Debian one. Costs some percent of a core, so it is nothing for measurements of speed.
 * It doesn't survive the guest's reboot.
 */
export async function watchWrites(
  guest: TestGuest,
  file = '/data/watched',
  program = '/lib/harness/watch-writes',
): Promise<WriteWatcher> {
  const lines: ConsoleLine[] = [];
  const console = await followConsole(guest.consoleFile, lines);

  function writesDone(): number {
    return lines.filter(({ text }) => text.endsWith(' done')).length;
  }
  async function nextWrite(timeoutMs = startTimeoutMs): Promise<void> {
    // The next one to be done may have begun before.
    const enough = writesDone() + 2;
    await eventually(() => writesDone() >= enough, {
      what: `${guest.name} to write`,
      timeoutMs,
      hint: () => guest.console().slice(-1000),
    });
  }

  const { stdout } = await guest.sh(`setsid ${program} '${file}' </dev/null >/dev/console 2>&1 & echo $!`);
  await nextWrite();
  return {
    frozenIntervals: () => frozenIntervals(lines),
    nextWrite,
    async stop() {
      await console.close();
      await guest.sh(`kill ${stdout.trim()}; rm -f '${file}'`);
    },
  };
}

/** Appends the console's lines as they come, stamped with the host's clock: the guest's lags behind. */
async function followConsole(file: string, lines: ConsoleLine[]): Promise<{ close(): Promise<void> }> {
  const handle = await open(file);
  const buffer = Buffer.alloc(65_536);
  let position = (await handle.stat()).size;
  let rest = '';
  let reading = Promise.resolve();

  async function read(): Promise<void> {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      const at = Date.now();
      position += bytesRead;
      const pieces = `${rest}${buffer.toString('latin1', 0, bytesRead)}`.split(/\r?\n/);
      rest = pieces.pop() ?? '';
      for (const text of pieces) lines.push({ at, text });
    }
  }
  const watcher = watch(file, () => {
    reading = reading.then(read);
  });
  return {
    async close() {
      watcher.close();
      await reading;
      await handle.close();
    },
  };
}
