import { stringify } from 'yaml';
import type { KubeObject, Resource } from '../../kube/objects.ts';

/** What scripts read, without an end of line. */
export function structured(format: 'json' | 'yaml', value: unknown): string {
  return format === 'json' ? JSON.stringify(value, undefined, 2) : stringify(value, { lineWidth: 0 }).trimEnd();
}

/** An object as `kubectl -o name` has it: guest.qga.dev/web-1. */
export function nameOf<T extends KubeObject>({ kind, group }: Resource<T>, name: string): string {
  return `${kind.toLowerCase()}${group ? `.${group}` : ''}/${name}`;
}

/** Several objects as kubectl lists them. */
export function listOf(items: readonly KubeObject[]): object {
  return { apiVersion: 'v1', kind: 'List', items };
}
