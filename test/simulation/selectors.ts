import type { ListOptions } from '../../src/kube/cluster.ts';
import type { KubeObject } from '../../src/kube/objects.ts';

type Selection = Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;

/** Whether an object is one that a list or watch with these options shows. Only what this project asks: `a=b`, and `a` for a label that is there. */
export function selects({ namespace, labelSelector, fieldSelector }: Selection): (object: KubeObject) => boolean {
  const labels = requirements(labelSelector);
  const fields = requirements(fieldSelector).map(([path, value]) => ({ path: path.split('.'), value }));
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    labels.every(([name, value]) => {
      const label = object.metadata.labels?.[name];
      return value === undefined ? label !== undefined : label === value;
    }) &&
    fields.every(({ path, value }) => fieldOf(object, path) === value);
}

function requirements(selector: string | undefined): [string, string | undefined][] {
  if (!selector) return [];
  return selector.split(',').map((each) => {
    const [name = '', value] = each.split('=');
    return [name, value];
  });
}

function fieldOf(object: unknown, path: readonly string[]): unknown {
  let value = object;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  return value;
}
