import { describe, expect, it } from 'vitest';
import { decideTask, type TaskObservation } from '../../../src/agent/task-decision.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aFreezeTask, aGuest, aJob, aTask, aWindow, held, noon } from '../manager/objects.ts';

const mine = { node: 'hv1', instance: 'me', journal: 'journal-1', time: '2026-01-01T12:00:01Z' };
const outcome = { phase: 'Succeeded', reason: 'Completed' } as const;
const task = (status?: Parameters<typeof aTask>[2]) => aTask(aJob(), aGuest('web-1'), status);

function decide(observed: Partial<TaskObservation>) {
  return decideTask({
    task: task(),
    entry: undefined,
    node: 'hv1',
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
  const entry = { state: 'sending', guest: 'u', action: 'exec', bootId: 'b' } as const;

  expect(decide({ task: task({ phase: 'Claimed', claim: mine }), entry })).toEqual({ do: 'run', sentBefore: entry });
});

it('looks for it even when the guest is off or the deadline is over: it may have run', () => {
  const obstacle = { reason: 'GuestNotRunning', message: 'off' };
  const observed = {
    task: task({ phase: 'Claimed', claim: mine }),
    entry: { state: 'sending', guest: 'u', action: 'exec' } as const,
  };

  expect(decide({ ...observed, guest: { obstacle, full: true }, now: noon + 3600_000 })).toMatchObject({ do: 'run' });
});

it('does not go on with what can not be opened, be it this node that began it or another one', () => {
  const entry = { state: 'sending', guest: 'u', action: 'exec', bootId: 'b' } as const;
  const guest = { full: false, sealed: { reason: 'SealedToAnotherKey', message: 'to another key' } };
  const began = task({ phase: 'Running', claim: mine });
  const came = { ...began, spec: { ...began.spec, moves: 1, deadline: timestamp(noon + 5000) } };

  expect(decide({ task: began, entry, guest })).toMatchObject({ do: 'wait', reason: 'SealedToAnotherKey' });
  expect(decide({ task: came, guest })).toMatchObject({ do: 'wait', reason: 'SealedToAnotherKey', lookAgainMs: 5000 });
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

describe('a task that a lost journal claimed', () => {
  const claim = { ...mine, journal: 'journal-0' };
  const lost = { do: 'end', phase: 'Unknown', reason: 'JournalLost' };

  it('is looked for in the guest, in the boot that it was claimed for', () => {
    const claimed = task({ phase: 'Running', claim: { ...claim, bootId: 'boot-1' } });
    const away = { reason: 'LibvirtNotConnected', message: 'no connection' };

    expect(decide({ task: claimed })).toMatchObject({
      do: 'takeOver',
      sentBefore: { takenOver: 'JournalLost', bootId: 'boot-1' },
    });
    expect(decide({ task: claimed, guest: { full: false, unseen: away } })).toEqual({ do: 'wait', ...away });
    const left = { reason: 'GuestGone', message: 'no such domain' };
    expect(decide({ task: claimed, guest: { full: false, unseen: left, awaitedMs: 5000 } })).toMatchObject({
      do: 'wait',
      reason: 'GuestMoved',
    });
  });

  it('may have come to anything where its boot was not known, its guest is gone, or its secrets can not be opened', () => {
    const claimed = task({ phase: 'Running', claim: { ...claim, bootId: 'boot-1' } });
    const unseen = { reason: 'GuestGone', message: 'no such domain' };
    const sealed = { ...claimed, spec: { ...claimed.spec, sealed: { keyId: 'k' } as never } };

    expect(decide({ task: task({ phase: 'Claimed', claim }) })).toMatchObject(lost);
    expect(decide({ task: claimed, guest: { full: false, unseen } })).toMatchObject(lost);
    expect(decide({ task: sealed })).toMatchObject(lost);
  });
});

describe('a freeze that a lost journal claimed', () => {
  const freeze = aFreezeTask(aWindow(), aGuest('web-1'), { ...held(), claim: { ...mine, journal: 'journal-0' } });
  const noGuest = { reason: 'GuestNotFound', message: 'no such Guest' };

  it('is taken over though nobody knows in which boot it was sent: the guest has to be thawed', () => {
    expect(decide({ task: freeze })).toEqual({
      do: 'takeOver',
      sentBefore: { guest: aGuest('web-1').status?.domain?.uuid, action: 'freeze', takenOver: 'JournalLost' },
    });
  });

  it('is waited for while its Guest has to be made anew for a domain that is here, or may be', () => {
    expect(decide({ task: freeze, guest: { full: false, unseen: noGuest } })).toMatchObject({ do: 'wait', ...noGuest });
    expect(decide({ task: freeze, guest: { full: false, unseen: noGuest, absent: true } })).toMatchObject({
      do: 'end',
      reason: 'JournalLost',
    });
  });

  it('is left alone where another node claimed it', () => {
    const theirs = { ...freeze, status: { ...held(), claim: { ...mine, node: 'hv0', journal: 'journal-0' } } };

    expect(decide({ task: theirs })).toMatchObject({ do: 'end', phase: 'Unknown', reason: 'JournalLost' });
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

it('does not begin what nobody wants any more, but looks for what may have begun', () => {
  const released = { ...task(), spec: { ...task().spec, release: true } };
  const entry = { state: 'sending', guest: 'u', action: 'exec' } as const;

  expect(decide({ task: released })).toMatchObject({ do: 'end', phase: 'Skipped', reason: 'Released' });
  expect(decide({ task: released, entry })).toMatchObject({ do: 'run' });
});

it('leaves a task alone that is being deleted and was never started', () => {
  const { metadata, ...rest } = task();

  expect(decide({ task: { ...rest, metadata: { ...metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } } })).toEqual({
    do: 'nothing',
  });
});

it('waits without a word while the guest has just begun as much as it may', () => {
  const decision = decide({ guest: { full: true } });

  expect(decision).toMatchObject({ do: 'wait' });
  expect(decision).not.toHaveProperty('reason');
});

it('says that it waits where the guest may begin nothing more for long, and waits past the starting deadline', () => {
  const guest = { full: true, crowded: true };

  expect(decide({ guest })).toMatchObject({ do: 'wait', reason: 'GuestFull' });
  expect(decide({ guest, now: noon + 61_000 })).toMatchObject({
    do: 'wait',
    reason: 'GuestFull',
    lookAgainMs: undefined,
  });
});

it('does not look again and again at what waits past a deadline', () => {
  const entry = { state: 'sending', guest: 'u', action: 'exec' } as const;
  const guest = { full: false, sealed: { reason: 'SealedToAnotherKey', message: 'to another key' } };

  expect(decide({ task: task({ phase: 'Running', claim: mine }), entry, guest, now: noon + 61_000 })).toMatchObject({
    do: 'wait',
    lookAgainMs: undefined,
  });
});

describe('a task whose guest moved here', () => {
  const theirs = { ...mine, node: 'hv0', journal: 'journal-0', bootId: 'boot-1' };
  const moved = (status?: Parameters<typeof aTask>[2]): GuestTask => {
    const bound = task(status);
    return { ...bound, spec: { ...bound.spec, moves: 1 } };
  };
  const sentBefore = {
    guest: aGuest('web-1').status?.domain?.uuid,
    action: 'exec',
    takenOver: 'GuestMoved',
    bootId: 'boot-1',
  };

  it('is looked for in the boot in which the other host may have started it', () => {
    expect(decide({ task: moved({ phase: 'Running', claim: theirs }) })).toEqual({ do: 'takeOver', sentBefore });
  });

  it('is taken over whatever this node remembers of it from before another had it', () => {
    const entry = { state: 'ended', outcome } as const;

    expect(decide({ task: moved({ phase: 'Running', claim: theirs }), entry })).toMatchObject({ do: 'takeOver' });
  });

  it('is looked for though the process died before it could note that it had taken it over', () => {
    const claim = { ...mine, bootId: 'boot-1' };

    expect(decide({ task: moved({ phase: 'Claimed', claim }) })).toMatchObject({
      do: 'run',
      sentBefore: { takenOver: 'GuestMoved', bootId: 'boot-1' },
    });
  });

  it('is claimed as any other where the host that it left never claimed it', () => {
    expect(decide({ task: moved({ phase: 'Pending' }) })).toEqual({ do: 'claim' });
  });

  it('waits until the guest can be looked at, even past its deadline: what runs there has to be ended', () => {
    const unseen = { reason: 'LibvirtNotConnected', message: 'no connection' };
    const claimed = moved({ phase: 'Running', claim: theirs });
    const late = { ...claimed, spec: { ...claimed.spec, deadline: timestamp(noon) } };

    expect(decide({ task: late, guest: { full: false, unseen } })).toEqual({ do: 'wait', ...unseen });
    expect(decide({ task: late })).toMatchObject({ do: 'takeOver' });
  });

  it('is not known to be moved where nobody counted a move: its claim was forged, or its node set up anew', () => {
    expect(decide({ task: task({ phase: 'Running', claim: theirs }) })).toMatchObject({ reason: 'JournalLost' });
  });
});

it('does not end a task whose guest has just left: another host may find out how it ended', () => {
  const entry = { state: 'sending', guest: 'u', action: 'exec' } as const;
  const running = task({ phase: 'Running', claim: mine });

  expect(decide({ task: running, entry, guest: { full: false, awaitedMs: 5000 } })).toMatchObject({
    do: 'wait',
    reason: 'GuestMoved',
    lookAgainMs: 5000,
  });
  expect(decide({ task: running, entry, guest: { full: false, awaitedMs: 0 } })).toMatchObject({ do: 'run' });
});

it('claims a task anew before it starts it in another boot than the claim names', () => {
  const claimed = task({ phase: 'Claimed', claim: { ...mine, bootId: 'boot-1' } });

  expect(decide({ task: claimed, guest: { full: false, bootId: 'boot-1' } })).toEqual({ do: 'run' });
  expect(decide({ task: claimed, guest: { full: false, bootId: 'boot-2' } })).toEqual({ do: 'claim' });
});
