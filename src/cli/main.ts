import { exitCodes } from './exit-codes.ts';
import { run } from './program.ts';

/** Who reads no further, as head does, or whose terminal is gone, is no reason to leave anything undone. */
const nobodyReads = new Set(['EPIPE', 'EIO']);

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    if (nobodyReads.has(code)) return;
    // What should have been written is lost, on a full disk perhaps: no success, whatever else went well.
    process.on('exit', () => {
      process.exitCode = exitCodes.failed;
    });
  });
}

await run(process.argv.slice(2));
