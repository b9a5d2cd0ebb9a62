import { expect, it } from 'vitest';
import { progressBytes, shownBytes } from '../../../src/guest/spool-output-script.ts';
import { parseSpoolReport } from '../../../src/guest/spool-report.ts';

const parse = (text: string, stderr = '') => parseSpoolReport(Buffer.from(text), Buffer.from(stderr), 'id');
const much = 'x'.repeat(1_000_000);

it('reads what a launcher tells of a command that ended', () => {
  expect(parse('qga1 id done boot 3 exit 4 20000+\nout\n', 'err')).toEqual({
    state: 'done',
    bootId: 'boot',
    code: 3,
    how: 'exit',
    killed: false,
    stdout: Buffer.from('out\n'),
    stderr: Buffer.from('err'),
    stdoutBytes: 4,
    stderrBytes: 20_000,
    moreStdout: false,
    moreStderr: true,
  });
});

it('tells an end of its own from one by the script that kills', () => {
  expect(parse('qga1 id done boot 143 signal killed 0 0\n')).toMatchObject({ code: 143, how: 'signal', killed: true });
  expect(parse('qga1 id done boot 143 signal 0 0\n')).toMatchObject({ code: 143, how: 'signal', killed: false });
});

it('takes no more from a guest than its scripts print', () => {
  const ended = parse(`qga1 id done boot 0 exit 1000000 1000000\n${much}`, much);
  expect(ended).toMatchObject({ stdout: { length: 2 * shownBytes }, stderr: { length: 2 * shownBytes } });

  const running = parse(`qga1 id running boot 1000000 1000000\n${much}`, much);
  expect(running).toMatchObject({ stdout: { length: progressBytes }, stderr: { length: progressBytes } });
});

it.each([
  'done boot 0 exit 9007199254740993 0',
  `done boot 0 exit 0 ${'9'.repeat(100)}`,
  'running boot 0 9007199254740993',
])('is no report with a size that no number holds: %s', (said) => {
  expect(parse(`qga1 id ${said}\n`)).toBeUndefined();
});

it('is no report of another run, or of none', () => {
  expect(parse('qga1 other taken\n')).toBeUndefined();
  expect(parse('hello\n')).toBeUndefined();
});
