import { expect, it } from 'vitest';
import { replyValue } from '../../../../src/agent/actions/command/reply-value.ts';
import { checkArguments } from '../../../../src/qga/check-arguments.ts';
import { decode } from '../../../../src/qga/command.ts';
import { guestGetMemoryBlocks, guestSync } from '../../../../src/qga/commands.ts';

it('keeps every digit of an integer, as a number where a double holds it', () => {
  const sync = (id: string) => replyValue(decode(guestSync, `{"return": ${id}}`)).reply;

  expect(sync('7')).toBe(7);
  expect(sync('9007199254740991')).toBe(9007199254740991);
  expect(sync('9007199254740993')).toBe('9007199254740993');
  expect(sync('-9223372036854775808')).toBe('-9223372036854775808');
});

it('says nothing that a command would not take back as an argument', () => {
  const blocks = '[{"phys-index": 9007199254740993, "online": true}, {"phys-index": 1, "online": false}]';

  const { reply } = replyValue(decode(guestGetMemoryBlocks, `{"return": ${blocks}}`));

  expect(checkArguments('guest-set-memory-blocks', { 'mem-blks': reply })).not.toHaveProperty('problem');
});

it('shows the beginning of a reply that no status could hold', () => {
  const shown = replyValue(Array.from({ length: 40_000 }, () => 'a word'));

  expect(shown).toEqual({ truncated: true, replyText: expect.stringMatching(/^\["a word",/) });
  expect(shown.replyText).toHaveLength(65_536);
});
