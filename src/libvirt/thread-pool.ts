import { readdirSync, readFileSync } from 'node:fs';
import { ThreadPoolTooSmallError } from './errors.ts';

/** What Node itself wants of the pool for DNS, files and crypto: as many as it has by default. */
const threadsForNode = 4;
/** Besides the other lanes. Half of them are left to guests that don't hang. */
export const thawLanes = 4;
/** The event loop, the connection that brings events, and the one for control calls. */
const threadsBesideLanes = 3 + thawLanes;

/** How many threads libuv's pool needs so that neither DNS nor files wait while every lane is blocked in libvirt. */
export function requiredThreads(lanes: number): number {
  return lanes + threadsBesideLanes + threadsForNode;
}

/**
 * Makes libuv's pool large enough for `lanes`. The pool is made as large as UV_THREADPOOL_SIZE says by the first thing
 * that needs a thread and never grows, so a program calls this before anything else: loading modules needs none, a DNS
 * lookup or `fs/promises` does. Throws ThreadPoolTooSmallError when it is too late.
 */
export function ensureThreads(lanes: number): void {
  const needed = requiredThreads(lanes);
  const running = threadsOfPool();
  if (running >= needed) return;
  if (running > 0) {
    throw new ThreadPoolTooSmallError(
      `${lanes} lanes need ${needed} threads, but the pool was already started with ${running}: ` +
        `start the process with UV_THREADPOOL_SIZE=${needed}`,
    );
  }
  const asked = Number(process.env['UV_THREADPOOL_SIZE'] ?? 0);
  if (!(asked >= needed)) process.env['UV_THREADPOOL_SIZE'] = String(needed);
}

/** How many threads libuv's pool has; 0 before something needed the first. Linux only. */
export function threadsOfPool(): number {
  return readdirSync('/proc/self/task').filter((thread) => nameOf(thread) === 'libuv-worker').length;
}

function nameOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim();
  } catch (error) {
    // A thread that ended meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return '';
    throw error;
  }
}
