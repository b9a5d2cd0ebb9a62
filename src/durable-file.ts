import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole, for its owner alone to read, and returns it open for appending; the caller closes it.
 * After a crash at any moment the file is either the old or the new one.
 */
export function replaceFile(path: string, text: string): number {
  const fresh = `${path}.new`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    // One that an earlier crash left keeps the mode it has.
    fchmodSync(fd, 0o600);
    writeAll(fd, text);
    fsyncSync(fd);
    renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** `write` may write a part only. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
