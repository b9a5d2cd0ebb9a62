import type { Random } from '../seams/random.ts';
import { UsageError } from './usage-error.ts';

/** What a person calls an object: `nightly`, or with its kind, `ffw/nightly`, as `-o name` and kubectl have it. */
export interface NamedObject {
  kind: string | undefined;
  name: string;
}

export function parseName(text: string): NamedObject {
  const [, kind, name] = /^(?:([a-z]+)(?:\.qga\.dev)?\/)?([^/]+)$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`"${text}" is no name`);
  return { kind, name };
}

/** The name alone, of an object that can be of one kind only. */
export function nameOfKind(text: string, kinds: readonly string[]): string {
  const { kind, name } = parseName(text);
  if (kind !== undefined && !kinds.includes(kind)) throw new UsageError(`${text} is no ${kinds[0]}`);
  return name;
}

/** A name that nobody else has. */
export function freshName(prefix: string, random: Random): string {
  return `${prefix}-${random.uuid().replaceAll('-', '').slice(0, 12)}`;
}

export const guestWords = ['guest', 'guests', 'gst'];
export const windowWords = ['fsfreezewindow', 'fsfreezewindows', 'ffw', 'window'];
export const jobWords = ['guestexecjob', 'guestexecjobs', 'gxj', 'job'];
export const taskWords = ['guesttask', 'guesttasks', 'gtask', 'task'];
export const rotationWords = ['passwordrotation', 'passwordrotations', 'pwr', 'rotation'];
