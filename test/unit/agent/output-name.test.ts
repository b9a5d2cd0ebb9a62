import { expect, it } from 'vitest';
import { outputName } from '../../../src/agent/output-name.ts';

const uid = '4c1f8a52-0000-4000-8000-000000000000';

it('names output after its task, and apart from that of a task of the same name', () => {
  expect(outputName({ name: 'backup-web-1', uid }, 'stdout', 2)).toBe('backup-web-1-4c1f8a52-stdout-2');
});

it('stays a valid name for any task', () => {
  const name = outputName({ name: `${'a'.repeat(218)}.-${'b'.repeat(30)}`, uid }, 'stderr', 31);

  expect(name).toBe(`${'a'.repeat(218)}-4c1f8a52-stderr-31`);
});
