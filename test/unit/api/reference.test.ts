import { expect, it } from 'vitest';
import * as z from 'zod';
import type { Kind } from '../../../src/api/crd.ts';
import { kinds } from '../../../src/api/kinds.ts';
import { apiReference } from '../../../src/api/reference.ts';
import { conditions, rules } from '../../../src/api/schema/common.ts';

const kind: Kind = {
  resource: { group: 'qga.dev', version: 'v1alpha1', kind: 'Thing', plural: 'things', namespaced: true },
  description: 'Things for a test.',
  shortNames: ['th'],
  spec: z
    .object({
      size: z.int().min(1).max(9).default(3).describe('How large.'),
      parts: z.array(z.object({ name: z.string().max(1), colour: z.enum(['a|b', 'c']).optional() })).optional(),
    })
    .meta(rules({ rule: 'self == oldSelf', message: "a thing can't be changed" })),
  status: z.object({ conditions: conditions.optional() }),
  columns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 1 }],
};

it('has a row for each field, what is in lists too, with its type, default, constraints and description', () => {
  const text = apiReference([kind]);

  expect(text).toContain('| `size` | integer | `3` | 1 to 9 | How large. |');
  expect(text).toContain('| `parts` | list of object |  |  |  |');
  expect(text).toContain('| `parts[].name` | string |  | required; at most 1 character |  |');
  expect(text).toContain('| `parts[].colour` | string |  | one of `a\\|b`, `c` |  |');
});

it('has the sentences of rules, and columns', () => {
  const text = apiReference([kind]);

  expect(text).toContain("- a thing can't be changed\n");
  expect(text).toContain('| SIZE | `.spec.size` | `-o wide` |');
});

it('tells a shared type once, and links to it', () => {
  const text = apiReference([kind]);

  expect(text).toContain('| `conditions` | list of [Condition](#condition) |');
  expect(text).not.toContain('conditions[].type');
  expect(text.match(/^### Condition$/gm)).toHaveLength(1);
});

it('links to each kind from its beginning', () => {
  const text = apiReference(kinds);

  for (const { resource } of kinds) {
    expect(text).toContain(`- [${resource.kind}](#${resource.kind.toLowerCase()})\n`);
    expect(text).toContain(`\n## ${resource.kind}\n`);
  }
});
