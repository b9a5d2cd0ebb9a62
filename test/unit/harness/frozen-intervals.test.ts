import { expect, it } from 'vitest';
import { frozenIntervals } from '../../harness/frozen-intervals.ts';

/** One line a second, from second 1 on. */
function console(...texts: string[]) {
  return texts.map((text, index) => ({ at: (index + 1) * 1000, text }));
}

it('takes a guest for frozen from the last write before to the first after', () => {
  const lines = console('write 1 done', 'write 2 frozen', 'write 2 frozen', 'write 2 done', 'write 3 done');

  expect(frozenIntervals(lines)).toEqual([{ from: 1000, to: 4000 }]);
});

it('leaves an interval open while it lasts', () => {
  expect(frozenIntervals(console('write 1 done', 'write 2 frozen'))).toEqual([{ from: 1000 }]);
});

it('ends a freeze with a new boot', () => {
  expect(frozenIntervals(console('write 1 done', 'write 2 frozen', 'web-1 is up'))).toEqual([{ from: 1000, to: 3000 }]);
});

it('tells freezes apart, and reads a line that the kernel wrote into', () => {
  const lines = console('write 1 done', '[ 1.2] hiwrite 2 frozen', 'write 2 done', 'write 3 frozen', 'write 3 done');

  expect(frozenIntervals(lines)).toEqual([
    { from: 1000, to: 3000 },
    { from: 3000, to: 5000 },
  ]);
});

it('takes a write that is only slow for none', () => {
  expect(frozenIntervals(console('write 1 done', 'something else', 'write 2 done'))).toEqual([]);
});
