import { expect, test } from 'vitest';
import { FactsReader } from '../../../src/agent/facts-reader.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { allCommands } from '../../../src/qga/commands.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';

function libvirtSays(code: number, message = 'no'): LibvirtError {
  return new LibvirtError({ code, domain: 10, level: 2, message });
}

const late = libvirtSays(virErrorNumber.AGENT_COMMAND_TIMEOUT);
const broken = libvirtSays(
  virErrorNumber.AGENT_UNRESPONSIVE,
  'Guest agent is not responding: QEMU guest agent is not available due to an error',
);
const refused = libvirtSays(virErrorNumber.AGENT_COMMAND_FAILED);

const wellAnswers: Record<string, unknown> = {
  'guest-info': {
    version: '10.0.2',
    supported_commands: [...allCommands.keys()].map((name) => ({ name, enabled: true })),
  },
  'guest-fsfreeze-status': 'thawed',
  'guest-get-host-name': { 'host-name': 'web-1' },
  'guest-get-users': [{ user: 'ann', 'login-time': 1 }],
  'guest-get-time': 1_767_268_800_000_000_000n,
};

/** Looks at a guest once, somebody having asked for it; what is not among its answers is refused. */
async function lookAt(answers: Record<string, unknown>) {
  const asked: string[] = [];
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, request: string) {
      const { execute } = JSON.parse(request) as { execute: string };
      asked.push(execute);
      const given = { ...wellAnswers, ...answers }[execute] ?? refused;
      const answer: unknown = typeof given === 'function' ? given() : given;
      if (answer instanceof Error) throw answer;
      return `{"return":${typeof answer === 'bigint' ? answer : JSON.stringify(answer)}}`;
    },
  } as Partial<Hypervisor> as Hypervisor;
  const registry = new GuestRegistry(hypervisor);
  const live = registry.get('uuid');
  live.domain = aDomain;
  const reader = new FactsReader({
    registry,
    wishOf: () => 'now',
    onRead: () => {},
    clock: new FakeClock(),
    random: { next: () => 0.5, uuid: () => '' },
  });
  await reader.reconcile('uuid', AbortSignal.timeout(5000));
  return { live, asked };
}

test.each([
  ['answers oddly', [{ name: 1 }]],
  ['answers with more than libvirt carries', libvirtSays(virErrorNumber.RPC)],
  ['does not answer in time', late],
  ['fails in words that nobody knows', libvirtSays(virErrorNumber.INTERNAL_ERROR, 'Interner Fehler')],
])('leaves out what a guest %s, and tells the rest', async (_, answer) => {
  const { live } = await lookAt({ 'guest-get-disks': answer });

  expect(live.health).toMatchObject({ state: 'answers', facts: { hostname: 'web-1', users: [{ name: 'ann' }] } });
  expect(live.health).not.toHaveProperty('facts.disks');
});

test.each([
  ['in time', late],
  ['for want of room on the way', libvirtSays(virErrorNumber.RPC)],
])('starts nothing in a guest whose boot it could have been told, but was not %s', async (_, answer) => {
  const { live } = await lookAt({ 'guest-file-open': 1000, 'guest-file-read': answer, 'guest-file-close': {} });

  expect(live.health).toMatchObject({ state: 'silent' });
});

test('takes an agent for silent that answers nothing any more', async () => {
  let hangs = false;
  const { live } = await lookAt({
    'guest-get-disks': () => {
      hangs = true;
      return late;
    },
    'guest-info': () => (hangs ? late : wellAnswers['guest-info']),
  });

  expect(live.health).toMatchObject({ state: 'silent' });
});

test('sees a channel that breaks in the middle', async () => {
  let breaks = false;
  const { live } = await lookAt({
    'guest-get-disks': () => {
      breaks = true;
      return libvirtSays(virErrorNumber.RPC);
    },
    'guest-info': () => (breaks ? broken : wellAnswers['guest-info']),
  });

  expect(live.health).toMatchObject({ state: 'silent', suspect: true });
});

test('asks no more of a guest that has let two questions go by', async () => {
  const slow = Object.fromEntries(
    [...allCommands.keys()]
      .filter((name) => !(name in wellAnswers) && name !== 'guest-file-open')
      .map((name) => [name, late]),
  );

  const { live, asked } = await lookAt(slow);

  expect(live.health).toMatchObject({ state: 'answers' });
  expect(asked.filter((name) => name in slow)).toHaveLength(2);
});

test('answers a wish for a look though the guest does not tell its time', async () => {
  const { live } = await lookAt({ 'guest-get-time': late });

  expect(live.health).toMatchObject({ state: 'answers' });
  expect(live.refreshed).toEqual({ wish: 'now' });
});
