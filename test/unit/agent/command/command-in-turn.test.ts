import { describe, expect, it } from 'vitest';
import { DeadlineReached, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { gone, late, setUp } from './command-run.ts';

const minute = 60_000;

describe('a command that waits for its turn while the guest is trimmed', () => {
  it.each([
    { execute: 'guest-shutdown' },
    { execute: 'guest-set-vcpus', arguments: { vcpus: [{ 'logical-id': 1, online: false }] } },
    { execute: 'guest-ping' },
  ])('is not sent once its deadline is over: $execute', async (command) => {
    const withdraw = new AbortController();
    const { carryOut, clock, sent, trimFor } = setUp(command, {}, { withdrawn: withdraw.signal });
    trimFor(30 * minute);
    const ending = carryOut();
    await clock.advance(5 * minute);

    withdraw.abort(new DeadlineReached());

    expect(await ending).toEqual({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'its deadline was over before it could be sent',
    });
    await clock.advance(30 * minute);
    expect(sent).toEqual(['guest-fstrim']);
  });

  it('is not sent once its task is deleted', async () => {
    const withdraw = new AbortController();
    const { carryOut, clock, sent, trimFor } = setUp({ execute: 'guest-shutdown' }, {}, { withdrawn: withdraw.signal });
    trimFor(30 * minute);
    const ending = carryOut();
    await clock.advance(5 * minute);

    withdraw.abort(new TaskDeleted());

    await expect(ending).rejects.toBeInstanceOf(TaskDeleted);
    await clock.advance(30 * minute);
    expect(sent).toEqual(['guest-fstrim']);
  });
});

describe('a command whose effect is all that tells of it', () => {
  it('is noted, and given its time, only when its turn has come', async () => {
    const { carryOut, clock, notes, become, trimFor } = setUp({ execute: 'guest-shutdown', timeoutSeconds: 60 }, {});
    trimFor(30 * minute);
    const ending = carryOut();
    await clock.advance(29 * minute);
    expect(notes).toEqual([]);

    await clock.advance(minute + 30_000);
    become('shutoff');
    await clock.advance(minute);

    expect(notes).toEqual([{ sentAt: clock.now() - 90_000, wakes: false }]);
    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Stopped' } });
  });

  it('is not told from what happened while it waited', async () => {
    const { carryOut, clock, tell, trimFor } = setUp({ execute: 'guest-shutdown', timeoutSeconds: 60 }, {});
    trimFor(30 * minute);
    const ending = carryOut();
    await clock.advance(minute);

    tell({ type: 'reboot', uuid: 'uuid' });
    await clock.advance(31 * minute);

    expect(await ending).toMatchObject({ phase: 'Failed', reason: 'EffectNotSeen' });
  });

  it('wakes a guest so long after it was told to sleep, not after it was asked for', async () => {
    const command = { execute: 'guest-suspend-ram', wakeAfterSeconds: 300 };
    const { carryOut, clock, sent, become, trimFor } = setUp(command, {});
    trimFor(30 * minute);
    const ending = carryOut();
    await clock.advance(30 * minute);
    become('pmsuspended');

    await clock.advance(4 * minute);
    expect(sent).toEqual(['guest-fstrim', 'guest-suspend-ram']);
    await clock.advance(2 * minute);

    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Woken' } });
  });

  it('is not sent where the journal can not be written', async () => {
    const full = new Error('the disk is full');
    const { carryOut, sent } = setUp({ execute: 'guest-shutdown' }, {}, { note: async () => Promise.reject(full) });

    await expect(carryOut()).rejects.toBe(full);

    expect(sent).toEqual([]);
  });
});

describe('a wake-up that is owed', () => {
  const command = { execute: 'guest-suspend-ram', wakeAfterSeconds: 300 };

  it('is owed to a guest that takes longer to fall asleep than it was given', async () => {
    const { carryOut, clock, sent, become } = setUp(command, { 'guest-suspend-ram': gone });
    const ending = carryOut();
    await clock.advance(70_000);
    become('pmsuspended');

    await clock.advance(4 * minute);

    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Woken' } });
    expect(sent).toEqual(['guest-suspend-ram', 'wakeUp', 'guest-ping']);
  });

  it('is owed to a guest that falls asleep just when it is due', async () => {
    const { carryOut, clock, become, tell, answers } = setUp(command, { 'guest-suspend-ram': gone });
    const ending = carryOut();
    answers['guest-ping'] = late;
    await clock.advance(5 * minute + 2000);
    become('pmsuspended');
    tell({ type: 'lifecycle', uuid: 'uuid', event: 'pmsuspended', detail: 0 });
    delete answers['guest-ping'];

    await clock.advance(minute);

    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Woken' } });
  });

  it('is not waited for with a guest that stays awake', async () => {
    const { carryOut, clock } = setUp(command, {});
    const ending = carryOut();
    await clock.advance(5 * minute + 2000);

    expect(await ending).toMatchObject({ phase: 'Failed', reason: 'EffectNotSeen' });
  });

  it('comes at once when its deadline does, be the guest asleep by then or not', async () => {
    const withdraw = new AbortController();
    const { carryOut, clock, sent, become } = setUp(command, {}, { withdrawn: withdraw.signal });
    const ending = carryOut();
    await clock.advance(10_000);
    withdraw.abort(new DeadlineReached());
    await clock.advance(10_000);
    become('pmsuspended');

    await clock.advance(10_000);

    expect(await ending).toMatchObject({ phase: 'Succeeded', command: { seen: 'Woken' } });
    expect(sent).toEqual(['guest-suspend-ram', 'wakeUp', 'guest-ping']);
  });
});
