import { expect, it } from 'vitest';
import { classify } from '../../../src/guest/classify.ts';
import { LibvirtError, NotConnectedError } from '../../../src/libvirt/errors.ts';

function seen(code: number, message = 'some words', connectionLost = false) {
  return new LibvirtError({ code, domain: 10, level: 2, message }, connectionLost);
}

it.each([
  ['no such domain', seen(42), '9.0.0', 'NoDomain', 'NotSent', false],
  ['a domain that is off or paused', seen(55), '9.0.0', 'NotRunning', 'NotSent', true],
  ['an agent somebody else holds', seen(68), '9.0.0', 'Busy', 'NotSent', true],
  ['a domain without a channel', seen(74), '9.0.0', 'NoChannel', 'NotSent', false],
  ['a silent agent, before libvirt 11.2', seen(86), '9.0.0', 'Unresponsive', 'Unknown', true],
  ['a silent agent, before libvirt 11.2', seen(86), '11.1.9', 'Unresponsive', 'Unknown', true],
  ['a silent agent, from libvirt 11.2 on', seen(86), '11.2.0', 'Unresponsive', 'NotSent', true],
  ['an answer that did not come', seen(112), '11.3.0', 'TimedOut', 'Unknown', true],
  ['a refusal, from libvirt 11.2 on', seen(113), '11.3.0', 'Refused', 'Refused', false],
  [
    'a refusal, before',
    seen(1, "internal error: unable to execute QEMU agent command 'guest-exec': no"),
    '9.0.0',
    'Refused',
    'Refused',
    false,
  ],
  [
    'any other internal error',
    seen(1, 'internal error: No complete agent response found'),
    '9.0.0',
    'HypervisorError',
    'Unknown',
    true,
  ],
  ['an answer over 4 MiB', seen(39, 'Unable to encode message payload'), '9.0.0', 'ReplyTooLarge', 'Unknown', false],
  ['a connection that broke', seen(38, 'end of file', true), '9.0.0', 'ConnectionLost', 'Unknown', true],
  ['no connection', new NotConnectedError('no'), undefined, 'NoHypervisor', 'NotSent', true],
  ['something else altogether', new Error('what?'), '9.0.0', 'HypervisorError', 'Unknown', false],
] as const)('knows what %s means (%#)', (_, error, version, code, outcome, retryable) => {
  expect(classify(error, version)).toMatchObject({ code, outcome, retryable });
});
