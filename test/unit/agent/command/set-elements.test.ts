import { describe, expect, it } from 'vitest';
import { elementResults, elementsEnding, type Said } from '../../../../src/agent/actions/command/element-results.ts';
import { late, setUp } from './command-run.ts';

const asked = [
  { id: 0, online: false },
  { id: 1, online: false },
  { id: 2, online: true },
  { id: 3, online: true },
];
const done: Said = { done: true };
const saidOfAll = new Map(asked.map(({ id }) => [id, done]));

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

  expect(elementResults(asked, before, after, new Map([[0, { done: false, errorCode: 22 }]]))).toEqual([
    { id: 0, asked: 'Offline', result: 'Failed', errorCode: 22 },
    { id: 1, asked: 'Offline', result: 'Changed' },
    { id: 2, asked: 'Online', result: 'Unchanged' },
    { id: 3, asked: 'Online', result: 'Failed' },
  ]);
});

describe('elements that could not be read back', () => {
  const ending = (said: ReadonlyMap<number, Said>, before?: ReadonlyMap<number, boolean>) => {
    const all = elementResults(asked, before, undefined, said);
    return { results: all.map(({ result }) => result), ending: elementsEnding(all, said, 'processors') };
  };

  it('are Unknown each, and a success by the guest’s word alone', () => {
    expect(ending(saidOfAll)).toEqual({
      results: ['Unknown', 'Unknown', 'Unknown', 'Unknown'],
      ending: {
        phase: 'Succeeded',
        reason: 'Completed',
        message: 'the guest says that it did so: it could not be read back',
      },
    });
  });

  it('have failed where the guest says so, unless they were so before', () => {
    const said = new Map([...saidOfAll, [1, { done: false }], [2, { done: false }]] as [number, Said][]);

    expect(ending(said, new Map([[2, true]]))).toMatchObject({
      results: ['Unknown', 'Failed', 'Unchanged', 'Unknown'],
      ending: { phase: 'Failed', reason: 'NotAllChanged', message: expect.stringContaining('1 of 4 processors') },
    });
  });

  it('are Unknown altogether where the guest says nothing of them', () => {
    expect(ending(new Map([[0, done]])).ending).toMatchObject({ phase: 'Unknown', reason: 'OutcomeUnknown' });
  });
});

it.each([
  [
    'guest-set-vcpus',
    { vcpus: [0, 1, 2].map((id) => ({ 'logical-id': id, online: true })) },
    { 'guest-set-vcpus': 1, 'guest-get-vcpus': late },
    '2 of 3 processors',
  ],
  [
    'guest-set-memory-blocks',
    { 'mem-blks': [0, 1].map((id) => ({ 'phys-index': id, online: false })) },
    {
      'guest-set-memory-blocks': [
        { 'phys-index': 0, response: 'success' },
        { 'phys-index': 1, response: 'operation-failed', 'error-code': 16 },
      ],
      'guest-get-memory-blocks': late,
    },
    '1 of 2 memory blocks',
  ],
])(
  'fails %s where the guest says that it did less, and can not be asked again',
  async (execute, args, answers, many) => {
    const ending = await setUp({ execute, arguments: args }, answers).carryOut();

    expect(ending).toMatchObject({
      phase: 'Failed',
      reason: 'NotAllChanged',
      message: expect.stringContaining(many),
    });
  },
);
