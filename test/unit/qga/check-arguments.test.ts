import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkArguments } from '../../../src/qga/check-arguments.ts';
import { encode } from '../../../src/qga/command.ts';
import { allCommands } from '../../../src/qga/commands.ts';
import { samples } from './samples.ts';

it.each([
  ['guest-set-vcpus', { vcpus: [{ 'logical-id': 1, online: 'yes' }] }, 'arguments.vcpus[0].online: expected boolean'],
  ['guest-set-vcpus', { vcpus: [], colour: 'red' }, 'arguments.colour: not an argument of guest-set-vcpus'],
  [
    'guest-set-vcpus',
    { vcpus: [{ 'logical-id': 1, online: true, colour: 'red' }] },
    'arguments.vcpus[0].colour: not an argument of guest-set-vcpus',
  ],
  ['guest-set-vcpus', { vcpus: {} }, 'arguments.vcpus: expected list'],
  ['guest-file-open', {}, 'arguments.path: required'],
  ['guest-file-open', undefined, 'arguments.path: required'],
  ['guest-file-open', { path: '' }, 'arguments.path: at least 1 characters'],
  ['guest-file-open', { path: '/etc/passwd\0.txt' }, 'arguments.path: must be Unicode without NUL characters'],
  ['guest-file-open', { path: '/x', mode: 'wx' }, 'arguments.mode: expected a mode of fopen: r, w or a, with + and b'],
  ['guest-file-open', [], 'arguments: expected object'],
  ['guest-file-read', { handle: 1, count: 2097152 }, 'arguments.count: at most 1048576'],
  ['guest-file-read', { handle: 1.5 }, 'arguments.handle: expected integer'],
  ['guest-file-read', { handle: '1' }, 'arguments.handle: expected number'],
  ['guest-file-write', { handle: 1, 'buf-b64': 'no' }, 'arguments.buf-b64: expected base64'],
  [
    'guest-file-seek',
    { handle: 1, offset: 2 ** 53, whence: 0 },
    'arguments.offset: expected integer of 64 bits, from 2^53 on written as a string',
  ],
  [
    'guest-file-seek',
    { handle: 1, offset: '9223372036854775808', whence: 0 },
    'arguments.offset: at most 9223372036854775807',
  ],
  ['guest-file-seek', { handle: 1, whence: 0 }, 'arguments.offset: required'],
  [
    'guest-file-seek',
    { handle: 1, offset: 0, whence: 'middle' },
    'arguments.whence: expected "set" or "cur" or "end", or 0, 1 or 2',
  ],
  ['guest-shutdown', { mode: 'off' }, 'arguments.mode: expected "halt" or "powerdown" or "reboot"'],
  [
    'guest-set-user-password',
    { username: 'root:x', password: '', crypted: true },
    'arguments.username: must be a user name: without colons, line ends and NUL characters',
  ],
  [
    'guest-ssh-add-authorized-keys',
    { username: 'ada', keys: ['a\nb'] },
    'arguments.keys[0]: must be one line of an authorized_keys file',
  ],
  ['guest-ping', { loud: true }, 'arguments.loud: not an argument of guest-ping'],
  ['guest-ping', { 'two\nlines': 1 }, 'arguments["two\\nlines"]: not an argument of guest-ping'],
  [
    'guest-get-osinf',
    {},
    'execute: "guest-get-osinf" is not a command of the guest agent: did you mean guest-get-osinfo?',
  ],
  ['shutdown', {}, 'execute: "shutdown" is not a command of the guest agent: did you mean guest-shutdown?'],
  ['make-me-a-sandwich-please', {}, 'execute: "make-me-a-sandwich-please" is not a command of the guest agent'],
  ['constructor', {}, 'execute: "constructor" is not a command of the guest agent'],
])('refuses %s with %j', (execute, args, problem) => {
  expect(checkArguments(execute, args)).toEqual({ problem });
});

it.each(Object.entries(samples))('passes good arguments of %s, ready to be sent', (execute, sample) => {
  const check = checkArguments(execute, sample.arguments);

  if ('problem' in check) throw new Error(check.problem);
  expect(encode(check.command, check.arguments)).toBe(encode(check.command, sample.arguments));
});

it('takes absent and null arguments for none', () => {
  expect(checkArguments('guest-ping', undefined)).toMatchObject({ arguments: {} });
  expect(checkArguments('guest-ping', null)).toMatchObject({ arguments: {} });
});

it('takes a 64-bit integer as a number and as a string, and keeps it exact', () => {
  expect(checkArguments('guest-set-time', { time: 1 })).toMatchObject({ arguments: { time: 1n } });
  expect(checkArguments('guest-set-time', { time: '1795553109773210001' })).toMatchObject({
    arguments: { time: 1795553109773210001n },
  });
});

it('never quotes a value, which may be a password', () => {
  const check = checkArguments('guest-set-user-password', {
    username: 'ada',
    password: 'hunter2!',
    crypted: 'hunter2',
  });

  expect(JSON.stringify(check)).not.toContain('hunter2');
});

it('answers any arguments with one sentence, or with what can be sent', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...allCommands.keys()),
      fc.oneof(fc.jsonValue({ maxDepth: 3 }), mutatedArguments()),
      (execute, args) => {
        const check = checkArguments(execute, args);

        if ('problem' in check) expect(check.problem).toMatch(/^arguments[^\n]*: [^\n]+$/);
        else expect(JSON.parse(encode(check.command, check.arguments)).execute).toBe(check.command.sentAs);
      },
    ),
    { numRuns: 1000 },
  );
});

/** Good arguments of some command, one of them replaced. */
function mutatedArguments() {
  return fc
    .tuple(fc.constantFrom(...Object.values(samples)), fc.nat(), fc.jsonValue({ maxDepth: 1 }))
    .map(([sample, index, value]) => {
      const keys = Object.keys(sample.arguments);
      return keys.length === 0 ? {} : { ...sample.arguments, [keys[index % keys.length] as string]: value };
    });
}
