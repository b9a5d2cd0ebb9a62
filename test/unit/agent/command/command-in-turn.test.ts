import { describe, expect, it } from 'vitest';
import { DeadlineReached, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { setUp } from './command-run.ts';

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
