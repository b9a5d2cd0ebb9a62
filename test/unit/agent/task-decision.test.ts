import { expect, it } from 'vitest';
import { decideTask, type TaskObservation } from '../../../src/agent/task-decision.ts';
import { aGuest, aJob, aTask, noon } from '../manager/objects.ts';

const mine = { node: 'hv1', instance: 'me', journal: 'journal-1', time: '2026-01-01T12:00:01Z' };
const outcome = { phase: 'Succeeded', reason: 'Completed' } as const;
const task = (status?: Parameters<typeof aTask>[2]) => aTask(aJob(), aGuest('web-1'), status);

function decide(observed: Partial<TaskObservation>) {
  return decideTask({
    task: task(),
    entry: undefined,
    journalId: 'journal-1',
    guest: { full: false },
    now: noon,
    ...observed,
  });
}

it('claims a task before it runs it', () => {
  expect(decide({})).toEqual({ do: 'claim' });
  expect(decide({ task: task({ phase: 'Claimed', claim: mine }) })).toEqual({ do: 'run' });
});

it('looks for what an earlier life of the process may have started, and does not start it anew', () => {
  const entry = { state: 'sending', bootId: 'b' } as const;

  expect(decide({ task: task({ phase: 'Claimed', claim: mine }), entry })).toEqual({ do: 'run', sentBefore: entry });
});

it('looks for it even when the guest is off or the deadline is over: it may have run', () => {
  const obstacle = { reason: 'GuestNotRunning', message: 'off' };
  const observed = { task: task({ phase: 'Claimed', claim: mine }), entry: { state: 'sending' } as const };

  expect(decide({ ...observed, guest: { obstacle, full: true }, now: noon + 3600_000 })).toMatchObject({ do: 'run' });
});

it('delivers what the journal says a task came to', () => {
  expect(decide({ task: task({ phase: 'Running', claim: mine }), entry: { state: 'ended', outcome } })).toEqual({
    do: 'deliver',
    outcome,
  });
});

it('forgets what the API server knows', () => {
  expect(decide({ task: task({ phase: 'Succeeded' }), entry: { state: 'ended', outcome } })).toEqual({ do: 'forget' });
  expect(decide({ task: task({ phase: 'Succeeded' }) })).toEqual({ do: 'nothing' });
});

it('does not know what became of a task that a lost journal claimed', () => {
  const claim = { ...mine, journal: 'journal-0' };

  expect(decide({ task: task({ phase: 'Claimed', claim }) })).toMatchObject({
    do: 'end',
    phase: 'Unknown',
    reason: 'JournalLost',
  });
});

it('waits for a guest that can not be reached, and gives up at the starting deadline', () => {
  const guest = { obstacle: { reason: 'GuestNotRunning', message: 'guest web-1 is shutoff' }, full: false };

  expect(decide({ guest })).toMatchObject({ do: 'wait', reason: 'GuestNotRunning', lookAgainMs: 61_000 });
  expect(decide({ guest, now: noon + 61_000 })).toMatchObject({ do: 'end', phase: 'Failed', reason: 'Undeliverable' });
});

it('fails at once where waiting is of no use', () => {
  const obstacle = { reason: 'NoAgentChannel', message: 'none', permanent: true };

  expect(decide({ guest: { obstacle, full: false } })).toMatchObject({
    do: 'end',
    phase: 'Failed',
    reason: 'NoAgentChannel',
  });
});

it('does not start a command whose deadline is over', () => {
  const late = { ...task(), spec: { ...task().spec, deadline: '2026-01-01T11:59:59Z' } };

  expect(decide({ task: late })).toMatchObject({ do: 'end', phase: 'Failed', reason: 'DeadlineExceeded' });
});

it('leaves a task alone that is being deleted and was never started', () => {
  const { metadata, ...rest } = task();

  expect(decide({ task: { ...rest, metadata: { ...metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } } })).toEqual({
    do: 'nothing',
  });
});

it('waits without a word while the guest runs as much as it may', () => {
  const decision = decide({ guest: { full: true } });

  expect(decision).toMatchObject({ do: 'wait' });
  expect(decision).not.toHaveProperty('reason');
});
