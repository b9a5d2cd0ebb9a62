import type { ListOptions } from './cluster.ts';
import type { KubeObject, ObjectRef, Resource } from './objects.ts';

/** The path of a resource, of one of its objects, or of an object's subresource. */
export function resourcePath<T extends KubeObject>(
  resource: Resource<T>,
  { namespace, name, subresource }: Partial<ObjectRef> & { subresource?: string | undefined } = {},
): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && namespace ? `/namespaces/${namespace}` : '';
  return `${root}${scope}/${plural}${name ? `/${name}` : ''}${subresource ? `/${subresource}` : ''}`;
}

/** A query string, `?` included, of what is set. */
export function query(parameters: Record<string, string | number | boolean | undefined>): string {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined);
  if (set.length === 0) return '';
  return `?${String(new URLSearchParams(set.map(([name, value]): [string, string] => [name, String(value)])))}`;
}

export function selectors({ labelSelector, fieldSelector }: ListOptions): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}
