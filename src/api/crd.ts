import type * as z from 'zod';
import type { KubeObject, Resource } from '../kube/objects.ts';
import { ownedAsAWhole, rules, type ValidationRule } from './schema/common.ts';
import { type StructuralSchema, structuralSchema } from './structural-schema.ts';

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
  /** Of the object as a whole, for what binds its spec to its status. */
  validations?: ValidationRule[];
}

/** Of the object as a whole. */
interface ObjectSchema extends StructuralSchema {
  properties: Record<'apiVersion' | 'kind' | 'metadata' | 'spec' | 'status', StructuralSchema>;
}

interface Version {
  name: string;
  served: boolean;
  storage: boolean;
  subresources: object;
  additionalPrinterColumns: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
  schema: { openAPIV3Schema: ObjectSchema };
}

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string };
  spec: { group: string; scope: string; names: object; versions: [Version] };
}

/** The CustomResourceDefinition of a kind, its schema structural as Kubernetes asks. */
export function customResourceDefinition(kind: Kind): CustomResourceDefinition {
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

function objectSchema({ description, spec, specOptional, status, validations }: Kind): ObjectSchema {
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec),
      status: { ...structuralSchema(status), ...ownedAsAWhole },
    },
    ...(specOptional ? {} : { required: ['spec'] }),
    ...(validations && rules(...validations)),
  };
}
