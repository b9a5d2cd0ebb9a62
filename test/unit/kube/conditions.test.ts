import { expect, it } from 'vitest';
import { findCondition, isTrue, setCondition } from '../../../src/kube/conditions.ts';

const noon = Date.parse('2026-01-01T12:00:00Z');
const ready = { type: 'Ready', status: 'True', reason: 'Up', message: 'it is up' } as const;
const synced = { type: 'Synced', status: 'False', reason: 'Behind', message: 'not yet' } as const;
const conditions = setCondition(setCondition([], ready, noon), synced, noon);

it('adds a condition that was not there, with the time', () => {
  expect(conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
    ['Ready', '2026-01-01T12:00:00Z'],
    ['Synced', '2026-01-01T12:00:00Z'],
  ]);
});

it('keeps the time of the last transition while the status stays, whatever else changes', () => {
  const later = setCondition(conditions, { ...ready, reason: 'StillUp', observedGeneration: 2 }, noon + 60_000);

  expect(later[0]).toEqual({
    ...ready,
    reason: 'StillUp',
    observedGeneration: 2,
    lastTransitionTime: '2026-01-01T12:00:00Z',
  });
});

it('moves the time when the status changes, and leaves the other conditions and their order alone', () => {
  const later = setCondition(conditions, { ...ready, status: 'Unknown' }, noon + 60_000);

  expect(later[0]).toMatchObject({ status: 'Unknown', lastTransitionTime: '2026-01-01T12:01:00Z' });
  expect(later[1]).toBe(conditions[1]);
  expect(conditions[0]).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-01T12:00:00Z' });
});

it('takes a condition for true only when it says so', () => {
  expect(isTrue(conditions, 'Ready')).toBe(true);
  expect(isTrue(conditions, 'Synced')).toBe(false);
  expect(isTrue(conditions, 'Missing')).toBe(false);
  expect(isTrue(undefined, 'Ready')).toBe(false);
  expect(findCondition(undefined, 'Ready')).toBeUndefined();
});
