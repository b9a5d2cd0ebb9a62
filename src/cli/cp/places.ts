import { basename } from 'node:path';
import { UsageError } from '../usage-error.ts';

export interface GuestPlace {
  guest: string;
  path: string;
}

/** Which way a file goes. */
export type Copy =
  | { way: 'fromGuest'; from: GuestPlace; to: string }
  | { way: 'toGuest'; from: string; to: GuestPlace };

/** `GUEST:/path`, where the path is absolute as the guest's system has it; undefined for a place on this machine. */
export function guestPlace(text: string): GuestPlace | undefined {
  const [, guest, path] = /^([a-z0-9][a-z0-9.-]*):(\/.*|[A-Za-z]:[\\/].*)$/s.exec(text) ?? [];
  return guest === undefined || path === undefined ? undefined : { guest, path };
}

/** What is copied where. A guest's folder is one that ends with a slash. Throws a UsageError. */
export function copyOf(from: string, to: string): Copy {
  const there = guestPlace(from);
  const here = guestPlace(to);
  if (there && !here) {
    if (/[\\/]$/.test(there.path)) throw new UsageError(`${from} is a folder: only single files are copied`);
    return { way: 'fromGuest', from: there, to };
  }
  if (here && !there) {
    const path = /[\\/]$/.test(here.path) ? here.path + basename(from) : here.path;
    return { way: 'toGuest', from, to: { guest: here.guest, path } };
  }
  throw new UsageError('one of the two is in a guest, as GUEST:/absolute/path, and the other one is here');
}

/** The file's name in a path of a guest, by whatever slashes. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}
