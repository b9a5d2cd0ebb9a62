import { writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { exitProcess, nativeCallsInFlight } from './ffi.ts';

/**
 * Ends the process at once: no exit handler runs, no thread is waited for. For a program whose grace is over while
 * calls to libvirt are still blocked, which nothing can interrupt.
 */
export function hardExit(code: number): never {
  exitProcess(code);
}

let guarded = false;

/**
 * From now on an ending process doesn't wait for calls to libvirt. Without this, `process.exit` and an uncaught error
 * wait for a hung guest's call; and for ever, when libvirt's thread waits for the main thread to take an event.
 * Exit handlers that were registered later than this don't run while a call is in flight.
 */
export function guardExit(): void {
  if (guarded || !isMainThread) return;
  guarded = true;
  let fatal: { error: unknown } | undefined;
  process.on('uncaughtExceptionMonitor', (error) => {
    if (process.listenerCount('uncaughtException') === 0) fatal = { error };
  });
  process.once('exit', (code) => {
    if (nativeCallsInFlight() === 0) return;
    // Node would print it after the exit handlers.
    if (fatal) writeSync(process.stderr.fd, `Uncaught ${inspect(fatal.error)}\n`);
    hardExit(code);
  });
}
