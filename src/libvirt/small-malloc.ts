import { boundMalloc } from './ffi.ts';

/** By default glibc gives every thread a heap of its own, which keeps what that thread once needed. */
const mostArenas = 2;
const trimThreshold = 64 * 1024;
const trimEveryMs = 10_000;

/**
 * Keeps glibc's malloc from holding on to memory that the process once needed: V8's compilers and libvirt's answers leave
 * some 20 MB in its heaps, a fifth of a small program. For the life of the process; call it early.
 */
export function keepMallocSmall(): void {
  const giveBack = boundMalloc(mostArenas, trimThreshold);
  setInterval(() => void giveBack(), trimEveryMs).unref();
}
