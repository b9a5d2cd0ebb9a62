import * as z from 'zod';
import type { ValidationRule } from './schema/common.ts';

/** As much of a schema in a CustomResourceDefinition as ours make use of. */
export interface StructuralSchema {
  type?: 'array' | 'boolean' | 'integer' | 'number' | 'object' | 'string';
  description?: string;
  default?: unknown;
  format?: string;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  required?: string[];
  items?: StructuralSchema;
  properties?: Record<string, StructuralSchema>;
  /** Of a map: what its values are. */
  additionalProperties?: StructuralSchema | false;
  'x-kubernetes-validations'?: ValidationRule[];
  'x-kubernetes-int-or-string'?: boolean;
}

/** Zod's OpenAPI 3.0 rendering, less what a structural schema forbids or a reader could do without. */
export function structuralSchema(schema: z.ZodType): StructuralSchema {
  const { $schema: _, ...root } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => makeStructural(jsonSchema as Record<string, unknown>),
  });
  return root as StructuralSchema;
}

function makeStructural(node: Record<string, unknown>): void {
  delete node['propertyNames'];
  if (node['type'] !== 'integer') return;
  // Zod bounds every integer by what a double holds exactly; Kubernetes says int64.
  if (node['maximum'] === Number.MAX_SAFE_INTEGER) delete node['maximum'];
  if (node['minimum'] === Number.MIN_SAFE_INTEGER) delete node['minimum'];
  node['format'] = 'int64';
}
