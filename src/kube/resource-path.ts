import type { ListOptions } from './cluster.ts';
import type { GroupVersion, KubeObject, ObjectRef, Resource } from './objects.ts';

/** The path of a resource, of one of its objects, or of an object's subresource. */
export function resourcePath<T extends KubeObject>(
  resource: Resource<T>,
  { namespace, name, subresource }: Partial<ObjectRef> & { subresource?: string | undefined } = {},
): string {
  const { plural, namespaced } = resource;
  const scope = namespaced && namespace ? `/namespaces/${namespace}` : '';
  return `${versionPath(resource)}${scope}/${plural}${name ? `/${name}` : ''}${subresource ? `/${subresource}` : ''}`;
}

/** The path of a group's version, of which the API server tells what kinds it has. */
export function versionPath({ group, version }: GroupVersion): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
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
