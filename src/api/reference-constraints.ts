import type { StructuralSchema } from './structural-schema.ts';

/** What a field's schema refuses, and what those of its elements do, in words. */
export function constraintsOf(field: StructuralSchema): string[] {
  const elements = field.items ?? (field.additionalProperties || {});
  return [...ownConstraints(field), ...ownConstraints(elements).map((each) => `each: ${each}`)];
}

function ownConstraints(field: StructuralSchema): string[] {
  return [
    field.enum ? `one of ${field.enum.map((value) => `\`${value}\``).join(', ')}` : '',
    range(field.minimum, field.maximum),
    range(field.minLength, field.maxLength, 'character', 'characters'),
    range(field.minItems, field.maxItems, 'element', 'elements'),
    range(undefined, field.maxProperties, 'entry', 'entries'),
    field.pattern ? `matches \`${field.pattern}\`` : '',
    ...(field['x-kubernetes-validations'] ?? []).map(({ message }) => message),
  ].filter(Boolean);
}

function range(minimum: number | undefined, maximum: number | undefined, one?: string, many?: string): string {
  const unit = (count: number) => (one ? `${count} ${count === 1 ? one : many}` : String(count));
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${unit(maximum)}`;
  if (minimum !== undefined) return `at least ${unit(minimum)}`;
  return maximum === undefined ? '' : `at most ${unit(maximum)}`;
}
