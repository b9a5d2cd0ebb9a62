import { group, version } from '../../api/resources.ts';
import type { StructuralSchema } from '../../api/structural-schema.ts';
import type { HttpCluster } from '../../kube/http-cluster.ts';

/** OpenAPI v3, as `/openapi/v3/apis/GROUP/VERSION` answers. */
export interface PublishedSchemas {
  components?: { schemas?: Record<string, StructuralSchema & { 'x-kubernetes-group-version-kind'?: OfKind[] }> };
}

interface OfKind {
  group: string;
  version: string;
  kind: string;
}

/**
 * By the plurals of the kinds that are served, the fields that this version has and the API server doesn't know. Asks
 * what it publishes of them: whoever is logged in may read that, and few the definitions themselves. Throws an ApiError.
 */
export async function fieldsNotServed(
  cluster: Pick<HttpCluster, 'read'>,
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  // The schemas, and what they are written with, are for the doctor alone.
  const [{ kinds }, { customResourceDefinition }] = await Promise.all([
    import('../../api/kinds.ts'),
    import('../../api/crd.ts'),
  ]);
  const { components } = await cluster.read<PublishedSchemas>(`/openapi/v3/apis/${group}/${version}`, { signal });
  const published = Object.values(components?.schemas ?? {});
  return new Map(
    kinds.flatMap((kind) => {
      const { plural, kind: name } = kind.resource;
      const isOfKind = (of: OfKind) => of.group === group && of.version === version && of.kind === name;
      const served = published.find((schema) => schema['x-kubernetes-group-version-kind']?.some(isOfKind));
      const own = customResourceDefinition(kind).spec.versions[0].schema.openAPIV3Schema;
      return served ? [[plural, missingFields(own, served)] as const] : [];
    }),
  );
}

/**
 * The fields of a schema that the one the API server has lacks, as `status.thawOwed`; of a field that is missing, not
 * those below it. The API server drops what is written there without a word.
 */
export function missingFields(own: StructuralSchema, served: StructuralSchema | undefined, path = ''): string[] {
  const below = [
    ...Object.entries(own.properties ?? {}).map(
      ([name, schema]) => [`.${name}`, schema, served?.properties?.[name]] as const,
    ),
    ...(own.items ? ([['[]', own.items, served?.items]] as const) : []),
    ...(own.additionalProperties
      ? ([['.*', own.additionalProperties, served?.additionalProperties || undefined]] as const)
      : []),
  ];
  return below.flatMap(([step, schema, counterpart]) => {
    const here = `${path}${step}`;
    return counterpart ? missingFields(schema, counterpart, here) : [here.replace(/^\./, '')];
  });
}
