import * as z from 'zod';
import type { KubeObject, Resource } from '../kube/objects.ts';

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  /** Above 0: only with `-o wide`. */
  priority?: number;
  description?: string;
}

export interface Kind {
  resource: Resource<KubeObject>;
  description: string;
  shortNames: string[];
  spec: z.ZodObject;
  /** Whether an object may come without a spec. */
  specOptional?: boolean;
  status: z.ZodObject;
  columns: PrinterColumn[];
  selectableFields?: string[];
}

type JsonSchema = Record<string, unknown>;

/** The CustomResourceDefinition of a kind, its schema structural as Kubernetes asks. */
export function customResourceDefinition(kind: Kind): object {
  const { group, version, kind: name, plural, namespaced } = kind.resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: name,
        listKind: `${name}List`,
        plural,
        singular: name.toLowerCase(),
        shortNames: kind.shortNames,
        categories: ['qga'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          ...(kind.selectableFields && {
            selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })),
          }),
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  };
}

function objectSchema({ description, spec, specOptional, status }: Kind): JsonSchema {
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec),
      status: structuralSchema(status),
    },
    ...(specOptional ? {} : { required: ['spec'] }),
  };
}

/** Zod's OpenAPI 3.0 rendering, less what a structural schema forbids or a reader could do without. */
function structuralSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...root } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => makeStructural(jsonSchema as JsonSchema),
  }) as JsonSchema;
  return root;
}

function makeStructural(node: JsonSchema): void {
  delete node['propertyNames'];
  if (node['type'] !== 'integer') return;
  // Zod bounds every integer by what a double holds exactly; Kubernetes says int64.
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
  node['format'] = 'int64';
}
