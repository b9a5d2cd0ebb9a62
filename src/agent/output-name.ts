import type { ObjectMeta } from '../kube/objects.ts';

export type OutputStream = 'stdout' | 'stderr';

/** With what follows it, within the 253 characters of a name. */
const longestTaskName = 220;

/**
 * The name of the object that holds one part of what a task's command printed, the same each time. A task that is made
 * anew by the same name has another UID, and its predecessor's output is not taken for its own.
 */
export function outputName({ name, uid = '' }: ObjectMeta, stream: OutputStream, part: number): string {
  // A part of a name that ends in a dot or a hyphen is none.
  const head = name.slice(0, longestTaskName).replace(/[-.]+$/, '');
  return `${head}-${uid.slice(0, 8)}-${stream}-${part}`;
}
