import { expect, it } from 'vitest';
import { elementResults } from '../../../../src/agent/actions/command/set-elements.ts';

const asked = [
  { id: 0, online: false },
  { id: 1, online: false },
  { id: 2, online: true },
  { id: 3, online: true },
];

it('tells of each element what has changed, by how it was and how it is', () => {
  const before = new Map([
    [0, true],
    [1, true],
    [2, true],
  ]);
  const after = new Map([
    [0, true],
    [1, false],
    [2, true],
  ]);

  expect(elementResults(asked, before, after, new Map([[0, 22]]))).toEqual([
    { id: 0, asked: 'Offline', result: 'Failed', errorCode: 22 },
    { id: 1, asked: 'Offline', result: 'Changed' },
    { id: 2, asked: 'Online', result: 'Unchanged' },
    { id: 3, asked: 'Online', result: 'Failed' },
  ]);
});

it('claims nothing of what could not be read back', () => {
  const results = elementResults(asked, undefined, undefined, new Map());

  expect(results.map(({ result }) => result)).toEqual(['Unknown', 'Unknown', 'Unknown', 'Unknown']);
});
