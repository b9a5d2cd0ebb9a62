import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CopyError } from './guest-files.ts';

/** Where a file of that name is put that is to go to `to`. */
export interface PlaceHere {
  /** As it was meant. */
  path: string;
  /** Where links lead from there: what a rename replaces. */
  real: string;
}

/** Throws a CopyError where something is there already that is no file: a device, of which root would make one. */
export async function placeHere(to: string, name: string): Promise<PlaceHere> {
  const path = (await unlessMissing(stat(to)))?.isDirectory() ? join(to, name) : to;
  const there = await unlessMissing(stat(path));
  if (there && !there.isFile()) throw new CopyError(`${path} is no file, and none is put in its place`);
  return { path, real: (await unlessMissing(realpath(path))) ?? path };
}

/** What can't be looked at either tells by itself why, when a file is made there. */
async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return await answer.catch(() => undefined);
}
