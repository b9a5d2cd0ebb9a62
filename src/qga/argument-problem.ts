import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * What is wrong with a command's arguments, as one sentence for the person who typed them, beginning with the path:
 * `arguments.vcpus[0].online: expected boolean`. It never quotes a value: that may be a secret.
 */
export function argumentProblem(command: string, args: unknown, error: z.ZodError): string {
  const [issue] = error.issues;
  if (!issue) return 'arguments: not valid';
  if (issue.code === 'unrecognized_keys') {
    return `${pathText([...issue.path, issue.keys[0] ?? ''])}: not an argument of ${command}`;
  }
  return `${pathText(issue.path)}: ${valueAt(args, issue.path) === undefined ? 'required' : expectation(issue)}`;
}

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_type') return `expected ${typeNames[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') {
    return `expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  }
  if (issue.code === 'too_big') return `at most ${issue.maximum}${units[issue.origin] ?? ''}`;
  if (issue.code === 'too_small') return `at least ${issue.minimum}${units[issue.origin] ?? ''}`;
  return issue.message;
}

const typeNames: Record<string, string> = { int: 'integer', array: 'list' };
const units: Record<string, string> = { string: ' characters', array: ' items' };

function pathText(path: readonly PropertyKey[]): string {
  return `arguments${path.map(stepText).join('')}`;
}

function stepText(step: PropertyKey): string {
  if (typeof step === 'number') return `[${step}]`;
  const name = String(step).slice(0, 64);
  return /^[\w-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function valueAt(args: unknown, path: readonly PropertyKey[]): unknown {
  let value = args;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return value;
}
