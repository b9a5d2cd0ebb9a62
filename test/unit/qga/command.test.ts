import { expect, it } from 'vitest';
import { decode, encode } from '../../../src/qga/command.ts';
import {
  guestExec,
  guestFileOpen,
  guestFileSeek,
  guestFileWrite,
  guestGetTime,
  guestPing,
  guestSetTime,
  guestSync,
} from '../../../src/qga/commands.ts';
import { AgentError } from '../../../src/qga/errors.ts';

function thrownBy(act: () => unknown): AgentError {
  try {
    act();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

it('sends no arguments where there are none', () => {
  expect(encode(guestPing, {})).toBe('{"execute":"guest-ping"}');
  expect(encode(guestSetTime, { time: undefined })).toBe('{"execute":"guest-set-time"}');
});

it.each([9007199254740993n, '9007199254740993', '-9223372036854775808', 1, 0n])(
  'sends the 64-bit integer %s with all its digits',
  (offset) => {
    const request = encode(guestFileSeek, { handle: 1, offset, whence: 'set' });

    expect(request).toContain(`"offset":${offset},`);
  },
);

it.each(['9223372036854775808', 2 ** 53, 1.5, '1e3', '', ' 1', '0x10'])('refuses %s as a 64-bit integer', (id) => {
  const error = thrownBy(() => encode(guestSync, { id }));

  expect(error).toMatchObject({ code: 'InvalidArguments', outcome: 'NotSent', retryable: false });
  expect(error.message).toMatch(/^arguments\.id: /);
});

it('reads 64-bit integers with all their digits', () => {
  expect(decode(guestGetTime, '{"return": 1795553109773210001}')).toBe(1795553109773210001n);
  expect(decode(guestSync, '{"return": -9223372036854775808}')).toBe(-(2n ** 63n));
  expect(decode(guestSync, '{"return": 7}')).toBe(7n);
});

it.each(['9223372036854775808', '1e30', '1.5', '99999999999999999999999', '"7"', 'true', 'null'])(
  'refuses %s as a 64-bit integer of an answer',
  (id) => {
    const error = thrownBy(() => decode(guestSync, `{"return": ${id}}`));

    expect(error.code).toBe('MalformedReply');
  },
);

it('refuses plain integers that are not exact', () => {
  expect(thrownBy(() => decode(guestFileOpen, '{"return": 9007199254740993}')).code).toBe('MalformedReply');
});

it('refuses a request over 200 KiB, and sends one of just 200 KiB', () => {
  const overhead = encode(guestFileWrite, { handle: 1, 'buf-b64': '' }).length;
  const longest = Math.floor((204_800 - overhead) / 4) * 4;

  expect(encode(guestFileWrite, { handle: 1, 'buf-b64': 'A'.repeat(longest) }).length).toBeLessThanOrEqual(204_800);
  expect(thrownBy(() => encode(guestFileWrite, { handle: 1, 'buf-b64': 'A'.repeat(longest + 4) }))).toMatchObject({
    code: 'RequestTooLarge',
    outcome: 'NotSent',
    retryable: false,
  });
});

it('counts the bytes of a request, not its characters', () => {
  const arg = Array.from({ length: 16 }, () => '\u{1F600}'.repeat(3100));

  expect(encode(guestExec, { path: '/bin/true', arg }).length).toBeLessThan(204_800);
  expect(thrownBy(() => encode(guestExec, { path: '/bin/true', arg: [...arg, ...arg.slice(0, 2)] })).code).toBe(
    'RequestTooLarge',
  );
});

it('lets a malformed answer be retried only where the command is harmless', () => {
  expect(thrownBy(() => decode(guestGetTime, 'what?'))).toMatchObject({ outcome: 'Unknown', retryable: true });
  expect(thrownBy(() => decode(guestExec, 'what?'))).toMatchObject({ outcome: 'Unknown', retryable: false });
});

it('quotes nothing of a malformed answer, which may hold a secret', () => {
  const messages = ['hunter2', '{"return": "hunter2"}', '{"return": {"pid": "hunter2"}}'].map(
    (reply) => thrownBy(() => decode(guestExec, reply)).message,
  );

  expect(messages.join()).not.toContain('hunter2');
  expect(messages[2]).toContain('return.pid');
});
