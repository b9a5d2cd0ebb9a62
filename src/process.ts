import type { Logger } from './observability/log.ts';

/** Kubernetes gives a pod 30 s; a person who presses Ctrl-C less. */
const graceMs = 4500;

/**
 * Runs a process's work until it ends or SIGTERM or SIGINT ask it to, and makes the exit status say how it went.
 * `exitNow` ends the process when the work does not end in its grace.
 */
export async function runProcess(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<void>,
  exitNow: (code: number) => void = (code) => process.exit(code),
): Promise<void> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    logger.info({ signal: name }, 'stopping');
    controller.abort(new Error(`stopped by ${name}`));
    setTimeout(() => {
      logger.error('could not stop in time: leaving at once');
      exitNow(1);
    }, graceMs).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    await work(controller.signal);
    logger.info('stopped');
  } catch (error) {
    if (controller.signal.aborted) logger.info('stopped');
    else {
      logger.error({ err: error }, 'failed');
      process.exitCode = 1;
    }
  }
}
