import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/guest/classify.ts';
import { LibvirtError, NotConnectedError } from '../../../src/libvirt/errors.ts';

function seen(code: number, message = 'some words', connectionLost = false) {
  return new LibvirtError({ code, domain: 10, level: 2, message }, connectionLost);
}

const notRunning = 'Requested operation is not valid: domain is not running';
const noChannel = 'argument unsupported: QEMU guest agent is not configured';
const notConnected = 'Guest agent is not responding: QEMU guest agent is not connected';
const notAvailable = 'Guest agent is not responding: QEMU guest agent is not available due to an error';
const disappeared = 'Guest agent is not responding: Guest agent disappeared while executing command';
const held = 'Timed out during operation: cannot acquire state change lock (held by agent=remoteDispatchX)';
const refusedBefore11_2 = "internal error: unable to execute QEMU agent command 'guest-exec': no";
const refusedSince11_2 = "guest agent command failed: unable to execute QEMU agent command 'guest-exec': no";
const unencodable = 'Unable to encode message payload';

const before11_2 = ['9.0.0', '11.1.0'];
const since11_2 = ['11.2.0', '11.3.0'];
const all = [...before11_2, ...since11_2];

describe.each([
  ['a domain that the host does not have', all, seen(42), 'NoDomain', 'NotSent', false],
  ['a domain that is off or paused', all, seen(55, notRunning), 'NotRunning', 'NotSent', true],
  ['a domain without a channel', all, seen(74, noChannel), 'NoChannel', 'NotSent', false],
  ['an agent that somebody else holds', all, seen(68, held), 'Busy', 'NotSent', true],
  ['an agent that is not connected', before11_2, seen(86, notConnected), 'Unresponsive', 'Unknown', true],
  ['an agent that is not connected', since11_2, seen(86, notConnected), 'Unresponsive', 'NotSent', true],
  ['an agent that went away with the command', all, seen(86, disappeared), 'Unresponsive', 'Unknown', true],
  ['an agent of which libvirt says something else', all, seen(86), 'Unresponsive', 'Unknown', true],
  ['an agent out of step', all, seen(97), 'Unresponsive', 'NotSent', true],
  ['an answer that did not come', since11_2, seen(112), 'TimedOut', 'Unknown', true],
  ['a refusal', before11_2, seen(1, refusedBefore11_2), 'Refused', 'Refused', false],
  ['a refusal', since11_2, seen(113, refusedSince11_2), 'Refused', 'Refused', false],
  ['a channel that libvirt gave up', all, seen(86, notAvailable), 'ChannelBroken', 'NotSent', true],
  ['an answer that libvirt could not read', all, seen(38), 'HypervisorError', 'Unknown', false],
  ['any other internal error', all, seen(1, 'internal error: Missing agent reply'), 'HypervisorError', 'Unknown', true],
  ['an answer over 4 MiB', all, seen(39, unencodable), 'ReplyTooLarge', 'Unknown', false],
  ['a connection that broke', all, seen(38, 'end of file', true), 'ConnectionLost', 'Unknown', true],
  ['no connection', [...all, undefined], new NotConnectedError('no'), 'NoHypervisor', 'NotSent', true],
  ['an unknown version of libvirt', [undefined, ''], seen(86), 'Unresponsive', 'Unknown', true],
  ['something else altogether', all, new Error('what?'), 'HypervisorError', 'Unknown', false],
] as const)('%s', (_, versions, error, code, outcome, retryable) => {
  it.each(versions)(`is ${code} with outcome ${outcome} for libvirt %s`, (version) => {
    expect(classify(error, version)).toMatchObject({ code, outcome, retryable });
  });
});

it('rests on the words of an error only where there is nothing else', () => {
  const words = `${notAvailable} ${refusedBefore11_2}`;

  expect(classify(seen(1, words), '9.0.0').code).toBe('HypervisorError');
  expect(classify(seen(112, words), '11.3.0').code).toBe('TimedOut');
  expect(classify(seen(113, words), '11.3.0').code).toBe('Refused');
});

it('keeps the words short: a guest may put anything into them', () => {
  expect(classify(seen(113, 'x'.repeat(1_000_000)), '11.3.0').message).toHaveLength(1024);
});
