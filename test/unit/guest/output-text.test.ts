import { expect, it } from 'vitest';
import { outputText } from '../../../src/guest/output-text.ts';

function whole(shown: Buffer) {
  return { shown, headBytes: 4, totalBytes: shown.length, more: false };
}

it('shows text as it is', () => {
  expect(outputText(whole(Buffer.from('héllo\n')))).toEqual({ text: 'héllo\n', truncated: false });
});

it('shows bytes that are no UTF-8 readably, and keeps them exactly beside', () => {
  const bytes = Buffer.from([0x61, 0xff, 0x00, 0x62]);

  const shown = outputText(whole(bytes));

  expect(shown).toEqual({ text: 'a\ufffd\0b', base64: bytes.toString('base64'), truncated: false });
});

it('says how much is left out between head and tail', () => {
  expect(outputText({ shown: Buffer.from('headtail'), headBytes: 4, totalBytes: 1000, more: false })).toEqual({
    text: 'head\n[… 992 bytes left out …]\ntail',
    truncated: true,
  });
});

it('says that even more came than is known', () => {
  const shown = Buffer.from('headlast');

  expect(outputText({ shown, headBytes: 4, totalBytes: 1000, more: true }).text).toBe(
    'head\n[… more than 996 bytes left out …]\nlast',
  );
});

it('does not show half a character where head and tail were cut', () => {
  const text = 'ä€😀'.repeat(100);
  const bytes = Buffer.from(text);
  for (let half = 1; half < 40; half++) {
    const shown = Buffer.concat([bytes.subarray(0, half), bytes.subarray(-half)]);
    expect(
      outputText({ shown, headBytes: half, totalBytes: bytes.length, more: false }).text,
      `cut at ${half}`,
    ).not.toContain('\ufffd');
  }
});
