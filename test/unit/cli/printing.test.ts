import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { expect, it, vi } from 'vitest';
import { seconds } from '../../../src/cli/options.ts';
import { prefixed } from '../../../src/cli/output/prefixed.ts';
import { elapsed } from '../../../src/cli/print/elapsed.ts';
import { type Paint, paintFor, plain } from '../../../src/cli/print/paint.ts';
import { table } from '../../../src/cli/print/table.ts';
import { splitAtDashes } from '../../../src/cli/program.ts';

const marked: Paint = (style, text) => `<${style}>${text}</>`;

it('lines up columns by what is seen, not by what colours it', () => {
  const lines = table(['NAME', 'AGENT', 'OS'], [['web-1', { text: 'ok', style: 'green' }, undefined]], marked);

  expect(lines).toEqual(['NAME    AGENT   OS', 'web-1   <green>ok      </><none>']);
});

it('cuts lines where the terminal ends', () => {
  expect(table(['NAME', 'WHAT'], [['web-1', 'a long story']], plain, 12)).toEqual(['NAME    WHAT', 'web-1   a lo']);
});

it('lets no guest steer the terminal by what it calls itself', () => {
  const [, row] = table(['OS'], [['Evil\u001b[2J\nOS\u202e']], plain);

  expect(row).toBe('Evil[2J OS');
});

it.each([
  [0, '0s'],
  [-5, '0s'],
  [59_999, '59s'],
  [125_000, '2m5s'],
  [11 * 60_000, '11m'],
  [3_600_000, '1h'],
  [5_400_000, '1h30m'],
  [50 * 3_600_000, '2d2h'],
])('says %d ms as %s', (ms, text) => {
  expect(elapsed(ms)).toBe(text);
});

it.each([
  ['90', 90],
  ['90s', 90],
  ['5m', 300],
  ['1h30m', 5400],
])('takes %s for %d seconds', (text, value) => {
  expect(seconds(text)).toBe(value);
});

it.each(['', '0', '-1', '1.5', '5 m', '1h30', 'soon', '5d'])('takes %j for no duration', (text) => {
  expect(() => seconds(text)).toThrow('90s');
});

it('colours what goes to a terminal, unless NO_COLOR is set', () => {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'CI']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('TERM', 'xterm-256color');
  const { getColorDepth } = WriteStream.prototype;
  const terminal = Object.assign(new PassThrough(), { isTTY: true, getColorDepth }) as unknown as NodeJS.WriteStream;
  const file = new PassThrough() as unknown as NodeJS.WriteStream;

  expect(paintFor(terminal)('red', 'x')).toBe('\u001b[31mx\u001b[39m');
  expect(paintFor(file)('red', 'x')).toBe('x');
  vi.stubEnv('NO_COLOR', '1');
  expect(paintFor(terminal)('red', 'x')).toBe('x');
  vi.unstubAllEnvs();
});

it('puts the guest before each of its lines, and ends the last one', () => {
  expect(prefixed('web-1', Buffer.from('a\n\nb')).toString()).toBe('[web-1] a\n[web-1] \n[web-1] b\n');
  expect(prefixed('web-1', Buffer.alloc(0))).toHaveLength(0);
});

it('takes nothing after -- for an option of its own', () => {
  expect(splitAtDashes(['exec', 'web-1', '--', 'ls', '-n', '--', 'x'])).toEqual({
    ours: ['exec', 'web-1'],
    command: ['ls', '-n', '--', 'x'],
  });
});
