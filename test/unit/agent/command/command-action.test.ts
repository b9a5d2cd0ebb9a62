import { describe, expect, it } from 'vitest';
import { commandAction } from '../../../../src/agent/actions/command/command-action.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import { virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { failure, gone, late, refused, setUp } from './command-run.ts';

const sentBefore = { guest: 'uuid', action: 'command' };
const setVcpus = { execute: 'guest-set-vcpus', arguments: { vcpus: [{ 'logical-id': 0, online: true }] } };
const osinfo = { execute: 'guest-get-osinfo' };

describe('a command that an earlier process may have sent', () => {
  it('is not sent again where that might do harm', async () => {
    const { carryOut, sent } = setUp(setVcpus, {}, { sentBefore });

    expect(await carryOut()).toMatchObject({ phase: 'Unknown', reason: 'OutcomeUnknown' });
    expect(sent).toEqual([]);
  });

  it('is sent again where it only reads', async () => {
    const { carryOut } = setUp(osinfo, { 'guest-get-osinfo': { id: 'debian' } }, { sentBefore });

    expect(await carryOut()).toMatchObject({ phase: 'Succeeded', command: { reply: { id: 'debian' } } });
  });

  it('that puts the guest to sleep was not sent where its note is missing', async () => {
    const { carryOut, sent, become } = setUp(
      { execute: 'guest-suspend-ram' },
      { 'guest-suspend-ram': gone },
      { sentBefore },
    );
    become('pmsuspended');

    expect(await carryOut()).toMatchObject({ phase: 'Succeeded', command: { seen: 'Suspended' } });
    expect(sent).toEqual(['guest-suspend-ram']);
  });

  it('that put the guest to sleep is not sent again, and the guest is woken when it is due', async () => {
    const note = { sentAt: new FakeClock().now(), wakes: true };
    const command = { execute: 'guest-suspend-ram', wakeAfterSeconds: 30 };
    const { carryOut, sent, clock, become } = setUp(command, {}, { sentBefore: { ...sentBefore, note } });
    become('pmsuspended');
    const ending = carryOut();
    await clock.advance(29_000);
    expect(sent).toEqual([]);

    await clock.advance(1000);

    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Woken' } });
    expect(sent).toEqual(['wakeUp', 'guest-ping']);
  });
});

describe('a command whose answer is lost', () => {
  it('is Unknown where it may have been carried out', async () => {
    expect(await setUp(setVcpus, { 'guest-set-vcpus': late }).carryOut()).toMatchObject({ phase: 'Unknown' });
  });

  it('is tried again where it only reads', async () => {
    expect(await setUp(osinfo, { 'guest-get-osinfo': late }).carryOut()).toBeUndefined();
  });

  it('has its effect looked for at the domain, where that is all there is', async () => {
    const { carryOut, notes, clock } = setUp({ execute: 'guest-shutdown' }, { 'guest-shutdown': gone });
    const ending = carryOut();
    await clock.advance(301_000);

    expect(await ending).toMatchObject({ phase: 'Unknown', message: expect.stringContaining('the guest still runs') });
    expect(notes).toHaveLength(1);
  });
});

it('fails a shutdown that the agent took and the guest did not come to', async () => {
  const { carryOut, clock } = setUp({ execute: 'guest-shutdown', timeoutSeconds: 20 }, {});
  const ending = carryOut();
  await clock.advance(21_000);

  expect(await ending).toMatchObject({ phase: 'Failed', reason: 'EffectNotSeen' });
});

it('waits for the thaw of a guest that refuses because it is frozen', async () => {
  const answers = { 'guest-get-osinfo': refused, 'guest-fsfreeze-status': 'frozen' };

  expect(await setUp(osinfo, answers).carryOut()).toBeUndefined();
});

it('asks again what was refused by a guest that was frozen only until it was asked why, and no more than once', async () => {
  let asked = 0;
  const thawing = () => (++asked === 1 ? refused : { id: 'debian' });
  const stubborn = { 'guest-get-osinfo': refused };

  expect(await setUp(osinfo, { 'guest-get-osinfo': thawing }).carryOut()).toMatchObject({ phase: 'Succeeded' });

  const { carryOut, sent } = setUp(osinfo, stubborn);
  expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'Refused' });
  expect(sent.filter((each) => each === 'guest-get-osinfo')).toHaveLength(2);
});

it('does not ask an agent for ever that talks nonsense', async () => {
  const ending = await setUp(osinfo, { 'guest-get-osinfo': { id: 7 } }).carryOut();

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'MalformedReply' });
});

it('keeps to itself what an agent says of arguments that came from a Secret', async () => {
  const argumentsFrom = { secretKeyRef: { name: 's', key: 'k' } };
  const args = JSON.stringify({ username: 'app', password: 'aHVudGVyMg==', crypted: false });
  const secret = { kind: 'arguments', arguments: args } as const;
  const command = { execute: 'guest-set-user-password', argumentsFrom };

  const { carryOut, sent } = setUp(command, { 'guest-set-user-password': refused }, { secret });
  const ending = await carryOut();

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'Refused' });
  expect(JSON.stringify(ending)).not.toMatch(/hunter2|aHVudGVyMg/);
  // It does something to its guest: refused or not, once.
  expect(sent.filter((each) => each === command.execute)).toHaveLength(1);
});

it.each([
  ['guest-exec', { path: '/bin/hunter2' }, virErrorNumber.INTERNAL_ERROR],
  ['guest-set-vcpus', { vcpus: [{ 'logical-id': 1, online: false }] }, virErrorNumber.INTERNAL_ERROR],
  ['guest-shutdown', {}, virErrorNumber.INTERNAL_ERROR],
  ['guest-set-user-password', { username: 'app', password: 'aHVudGVyMg==', crypted: false }, 9999],
])('keeps to itself what is said of secret arguments of %s in words that nobody knows', async (execute, args, code) => {
  const argumentsFrom = { secretKeyRef: { name: 's', key: 'k' } };
  const secret = { kind: 'arguments', arguments: JSON.stringify(args) } as const;
  const answers = { [execute]: failure(code, 'interner Fehler: BAD PASSWORD: hunter2') };
  const { carryOut, clock } = setUp({ execute, argumentsFrom, timeoutSeconds: 30 }, answers, { secret });

  const ending = carryOut();
  await clock.advance(31_000);

  expect(await ending).toMatchObject({ message: expect.stringContaining('kept back') });
  expect(JSON.stringify(await ending)).not.toContain('hunter2');
});

it.each([
  ['{"username": "app"}', 'arguments.password: required'],
  ['no JSON at all, but hunter2', 'arguments: expected object'],
])('names what is wrong with sealed arguments without a word of them: %s', async (text, message) => {
  const argumentsFrom = { secretKeyRef: { name: 's', key: 'k' } };
  const secret = { kind: 'arguments', arguments: text } as const;

  const ending = await setUp({ execute: 'guest-set-user-password', argumentsFrom }, {}, { secret }).carryOut();

  expect(ending).toEqual({ phase: 'Failed', reason: 'InvalidArguments', message });
});

it.each([
  [{ execute: 'guest-fsfreeze-freeze' }, 'UnsafeCommand'],
  [{ execute: 'guest-set-user-password', arguments: {} }, 'UnsafeCommand'],
  [{ execute: 'guest-x' }, 'UnknownCommand'],
  [{ execute: 'guest-sync', arguments: { id: 'x' } }, 'InvalidArguments'],
])('tells of %j before its guest is reached', (command, reason) => {
  const task = { metadata: {}, spec: { guestName: 'web-1', action: { command } } } as GuestTask;

  expect(commandAction.problem?.(task)).toMatchObject({ reason });
});
