import { expect, it } from 'vitest';
import { outputText } from '../../../src/guest/output-text.ts';

it('shows text as it is', () => {
  expect(outputText(Buffer.from('héllo\n'), 7)).toEqual({ text: 'héllo\n', truncated: false });
});

it('shows bytes that are no UTF-8 readably, and keeps them exactly beside', () => {
  const bytes = Buffer.from([0x61, 0xff, 0x00, 0x62]);

  const shown = outputText(bytes, 4);

  expect(shown).toEqual({ text: 'a\ufffd\0b', base64: bytes.toString('base64'), truncated: false });
});

it('says how much is left out between head and tail', () => {
  expect(outputText(Buffer.from('headtail'), 1000)).toEqual({
    text: 'head\n[… 992 bytes left out …]\ntail',
    truncated: true,
  });
});

it('does not show half a character where head and tail were cut', () => {
  const text = 'ä€😀'.repeat(100);
  const bytes = Buffer.from(text);
  for (let half = 1; half < 40; half++) {
    const shown = Buffer.concat([bytes.subarray(0, half), bytes.subarray(-half)]);
    expect(outputText(shown, bytes.length).text, `cut at ${half}`).not.toContain('\ufffd');
  }
});
