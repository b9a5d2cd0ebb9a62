import { describe, expect, it } from 'vitest';
import { foldHold } from '../../../src/guest/freeze-hold.ts';
import { decideHold, isThawOwed } from '../../../src/guest/freeze-step.ts';
import { worthOf } from '../../../src/guest/freeze-worth.ts';
import type { Hold, HoldNews } from '../../../src/guest/hold.ts';
import { AgentError, type AgentErrorCode, type Outcome } from '../../../src/qga/errors.ts';

const at = Date.parse('2026-01-01T12:00:00Z');

const planned: Hold = {
  task: 'team-a/backup',
  maxFrozenMs: 30_000,
  deadline: at + 30_000,
  stage: 'planned',
  result: { guard: 'Armed', bootId: 'boot-1', filesystems: { expected: 2 } },
};

function failed(outcome: Outcome, code: AgentErrorCode = 'TimedOut'): AgentError {
  return new AgentError(code, outcome, true, 'it says so');
}

function after(...news: HoldNews[]): Hold {
  return news.reduce(foldHold, planned);
}

function next(hold: Hold, now = 0, { lookAt = 1000, tryAt = 0 } = {}) {
  return decideHold({ hold, now, freezeAt: 0, deadline: 30_000, lookAt, tryAt });
}

const sent: HoldNews = { kind: 'sent', at };
const frozen: HoldNews = { kind: 'frozen', count: 2, at };
const release: HoldNews = { kind: 'end', ending: { by: 'Release' } };
const thawed: HoldNews = { kind: 'thawed', count: 2, at: at + 5000 };
const disarmed: HoldNews = { kind: 'disarmed', guardFired: false, bootId: 'boot-1' };
const unanswered: HoldNews = { kind: 'freezeFailed', error: failed('Unknown') };
const looksFrozen: HoldNews = { kind: 'status', frozen: true };
const looksThawed: HoldNews = { kind: 'status', frozen: false };
const moved: HoldNews = { kind: 'left', how: 'moved' };
const saved: HoldNews = { kind: 'left', how: 'saved' };
const forsaken: HoldNews = { kind: 'forsaken' };
const deletion: HoldNews = { kind: 'end', ending: { by: 'Deletion' } };
const back: HoldNews = { kind: 'back' };
const notBack: HoldNews = { kind: 'notBack', defined: false };
const asleep: HoldNews = { kind: 'notBack', defined: true };

describe('a hold that goes well', () => {
  it('freezes at its instant, holds, thaws when released, disarms the guard and ends', () => {
    expect(decideHold({ hold: planned, now: 5, freezeAt: 10, deadline: 99, lookAt: 0, tryAt: 0 })).toEqual({
      do: 'wait',
      until: 10,
    });
    expect(next(planned)).toEqual({ do: 'freeze' });
    expect(next(after(sent, frozen))).toEqual({ do: 'wait', until: 1000 });
    expect(next(after(sent, frozen), 1000)).toEqual({ do: 'look' });
    expect(next(after(sent, frozen, looksFrozen, release))).toEqual({ do: 'thaw' });
    expect(next(after(sent, frozen, release, thawed))).toEqual({ do: 'disarm' });
    expect(next(after(sent, frozen, release, thawed, disarmed))).toEqual({ do: 'stop' });
  });

  it('is consistent, with the evidence for it', () => {
    const worth = worthOf(after(sent, frozen, release, thawed, disarmed));

    expect(worth).toMatchObject({ succeeded: true, reason: 'Completed' });
    expect(worth.result).toMatchObject({
      verdict: 'Consistent',
      endedBy: 'Release',
      frozenAt: '2026-01-01T12:00:00.000000Z',
      thawedAt: '2026-01-01T12:00:05.000000Z',
      filesystems: { expected: 2, frozen: 2, thawed: 2 },
    });
  });

  it('lets go at its deadline', () => {
    expect(next(after(sent, frozen), 30_000, { lookAt: 0 })).toEqual({ do: 'expire' });
  });

  it('ends at once, with nothing frozen, when it is let go before it was sent', () => {
    const worth = worthOf(after(release));

    expect(next(after(release))).toEqual({ do: 'disarm' });
    expect(next(after(release, disarmed))).toEqual({ do: 'stop' });
    expect(worth).toMatchObject({ succeeded: false, reason: 'Released', result: { verdict: 'Skipped' } });
  });

  it('thaws at once when it was let go while the freeze was on its way', () => {
    expect(next(after(sent, release, frozen))).toEqual({ do: 'thaw' });
  });
});

describe('a freeze whose answer was lost', () => {
  it('owes a thaw, and is settled only by a status of after the thaw', () => {
    const hold = after(sent, unanswered);

    expect(isThawOwed(hold)).toBe(true);
    expect(next(hold)).toEqual({ do: 'thaw' });
    expect(next(foldHold(hold, thawed))).toEqual({ do: 'look' });
    expect(isThawOwed(foldHold(hold, thawed))).toBe(true);
    expect(next(after(sent, unanswered, thawed, looksThawed))).toEqual({ do: 'disarm' });
  });

  it('is thawed again when it was carried out after the thaw', () => {
    expect(next(after(sent, unanswered, { ...thawed, count: 0 }, looksFrozen))).toEqual({ do: 'thaw' });
  });

  it('is tried again for as long as it takes, with pauses', () => {
    const hold = after(sent, unanswered, { kind: 'thawFailed', error: failed('Unknown') });

    expect(next(hold, 100, { tryAt: 200 })).toEqual({ do: 'wait', until: 200 });
    expect(next(hold, 10_000_000, { tryAt: 200 })).toEqual({ do: 'thaw' });
  });

  it('is worth nothing, whatever the counts say', () => {
    expect(worthOf(after(sent, unanswered, thawed, looksThawed, disarmed))).toMatchObject({
      succeeded: false,
      reason: 'FreezeUnanswered',
      result: { verdict: 'ConsistencyLost', endedBy: 'FreezeFailed' },
    });
  });

  it('is not taken for a release when somebody released it meanwhile', () => {
    expect(worthOf(after(sent, release, unanswered, thawed, looksThawed, disarmed))).toMatchObject({
      succeeded: false,
      reason: 'FreezeUnanswered',
    });
  });
});

describe('a freeze that came to nothing', () => {
  it.each([
    ['NotRunning', 'GuestNotRunning'],
    ['NoHypervisor', 'LibvirtNotConnected'],
    ['Busy', 'AgentBusy'],
  ] as const)('owes no thaw when it was not sent: %s', (code, reason) => {
    const hold = after(sent, { kind: 'freezeFailed', error: failed('NotSent', code) });

    expect(next(foldHold(hold, disarmed))).toEqual({ do: 'stop' });
    expect(worthOf(hold)).toMatchObject({ succeeded: false, reason });
    expect(worthOf(hold).result).not.toHaveProperty('verdict');
  });

  it('is left as it is when somebody else holds the guest frozen', () => {
    const hold = after(sent, { kind: 'freezeFailed', error: failed('Refused', 'Refused') });

    expect(next(hold)).toEqual({ do: 'look' });
    expect(next([looksFrozen, disarmed].reduce(foldHold, hold))).toEqual({ do: 'stop' });
    expect(worthOf(foldHold(hold, looksFrozen)).reason).toBe('AlreadyFrozen');
    expect(worthOf(foldHold(hold, looksThawed)).reason).toBe('FreezeRefused');
  });

  it('is a failure when the agent froze nothing and calls that a success', () => {
    const hold = after(sent, { ...frozen, count: 0 }, { ...thawed, count: 0 }, disarmed);

    expect(next(hold)).toEqual({ do: 'stop' });
    expect(worthOf(hold)).toMatchObject({ succeeded: false, reason: 'NothingFrozen' });
    expect(worthOf(hold).result).not.toHaveProperty('verdict');
  });

  it.each([
    ['some of the mountpoints asked for', ['/a', '/b'], 'vfat'],
    ['some of the filesystems that can be', undefined, 'something else in the guest held the rest frozen'],
  ])('thaws at once when only %s could be frozen', (_, mountpoints, why) => {
    const hold = [sent, { ...frozen, count: 1 }].reduce(foldHold, { ...planned, mountpoints });
    const over = [{ ...thawed, count: 1 }, disarmed].reduce(foldHold, hold);

    expect(next(hold)).toEqual({ do: 'thaw' });
    expect(worthOf(over)).toMatchObject({ reason: 'PartlyFrozen', result: { verdict: 'ConsistencyLost' } });
    expect(worthOf(over).message).toContain('1 of 2');
    expect(worthOf(over).message).toContain(why);
  });
});

describe('a hold that was broken', () => {
  it.each<[string, string, HoldNews[]]>([
    ['a thaw that counts fewer', 'Somebody', [release, { ...thawed, count: 1 }, disarmed]],
    ['an agent that says it is thawed', 'Somebody', [looksThawed, { ...thawed, count: 0 }, disarmed]],
    ['the guard', 'Guard', [release, { ...thawed, count: 0 }, { ...disarmed, guardFired: true }]],
    ['a reboot', 'Reboot', [looksThawed, { ...thawed, count: 0 }, { ...disarmed, bootId: 'boot-2' }]],
    ['a reboot whose freeze by somebody else counts alike', 'Reboot', [release, thawed, { ...disarmed, bootId: 'b' }]],
    ['a suspend', 'Somebody', [{ kind: 'suspended' }, thawed, disarmed]],
    ['a channel that was plugged in anew', 'ChannelRepair', [{ kind: 'replugged' }, { ...thawed, count: 0 }, disarmed]],
    ['a power cut', 'GuestStopped', [{ kind: 'stopped' }]],
    ['a migration', 'Migration', [moved, forsaken, notBack]],
    ['a save whose domain was removed then', 'Somebody', [saved, asleep, notBack]],
    ['a save and a restore', 'Somebody', [saved, back, thawed, looksThawed, disarmed]],
  ])('is never consistent: %s', (_, endedBy, news) => {
    const hold = after(sent, frozen, ...news);

    expect(next(hold)).toEqual({ do: 'stop' });
    expect(worthOf(hold)).toMatchObject({
      succeeded: false,
      reason: 'ConsistencyLost',
      result: { verdict: 'ConsistencyLost', endedBy },
    });
  });

  it('is not consistent when the thaw finds more than was frozen: that may have been written to', () => {
    const worth = worthOf(after(sent, frozen, release, { ...thawed, count: 3 }, disarmed));

    expect(worth).toMatchObject({
      succeeded: false,
      reason: 'ConsistencyLost',
      result: { verdict: 'ConsistencyLost', endedBy: 'Release', filesystems: { frozen: 2, thawed: 3 } },
    });
    expect(worth.message).toContain('1 more');
    expect(worth.message).not.toContain('somebody had thawed');
  });

  it('has no proof when the answer to its thaw was lost and the next one counts nothing', () => {
    const hold = after(sent, frozen, release, { kind: 'thawFailed', error: failed('Unknown') });

    expect(isThawOwed(hold)).toBe(true);
    expect(worthOf([{ ...thawed, count: 0 }, disarmed].reduce(foldHold, hold)).result.verdict).toBe('ConsistencyLost');
    expect(worthOf([thawed, disarmed].reduce(foldHold, hold)).result.verdict).toBe('Consistent');
  });

  it('asks a guest that refused the thaw, and believes it that it has let go by itself', () => {
    const hold = after(sent, frozen, release, { kind: 'thawFailed', error: failed('Refused', 'Refused') });

    expect(next(hold)).toEqual({ do: 'look' });
    expect(next(foldHold(hold, looksFrozen))).toEqual({ do: 'thaw' });
    expect(next(foldHold(hold, looksThawed))).toEqual({ do: 'disarm' });
    expect(worthOf([looksThawed, disarmed].reduce(foldHold, hold)).result.verdict).toBe('ConsistencyLost');
  });
});

describe('a guest that leaves', () => {
  it.each<[string, HoldNews[]]>([
    ['for another host', [sent, frozen, moved]],
    ['for a file', [sent, frozen, saved, asleep]],
    ['before its freeze was answered', [sent, moved]],
    ['before it could be seen that it was thawed', [sent, unanswered, thawed, moved]],
    ['and whose host starts its agent anew', [sent, frozen, saved, { kind: 'restarted', at: at + 99_000 }]],
  ])('%s owes a thaw, is looked for now and then, and is thawed when it is back', (_, news) => {
    const hold = after(...news);

    expect(isThawOwed(hold)).toBe(true);
    expect(next(hold, 500)).toEqual({ do: 'wait', until: 1000 });
    expect(next(hold, 1000)).toEqual({ do: 'find' });
    expect(next(foldHold(hold, asleep))).toEqual({ do: 'wait', until: 1000 });
    expect(next(foldHold(hold, back))).toEqual({ do: 'thaw' });
  });

  it.each<[string, HoldNews[]]>([
    ['another host has its task', [sent, frozen, moved, forsaken]],
    ['another host is known to have its task before it is seen to have left', [sent, frozen, forsaken, moved]],
    ['its task is gone', [sent, frozen, moved, deletion]],
    ['its task was gone before it left', [sent, frozen, deletion, moved]],
    ['its task was released, and then gone', [sent, frozen, release, deletion, moved]],
    ['its task is gone and so is the domain that it was saved from', [sent, frozen, saved, deletion]],
  ])('is left alone once it is seen not to be back and %s', (_, news) => {
    const hold = after(...news);

    expect(next(hold, 1000)).toEqual({ do: 'find' });
    expect(next(foldHold(hold, back))).toEqual({ do: 'thaw' });
    expect(next(foldHold(hold, notBack))).toEqual({ do: 'stop' });
    expect(foldHold(hold, notBack).result.thawOwed).toBe(true);
  });

  it('is thawed when it is restored though its task be gone by then', () => {
    const hold = after(sent, frozen, saved, deletion, asleep);

    expect(next(hold, 1000)).toEqual({ do: 'find' });
    expect(next(foldHold(hold, back))).toEqual({ do: 'thaw' });
  });

  it('owes nothing any more when the domain was removed that it was saved from', () => {
    const hold = after(sent, frozen, saved, asleep, notBack);

    expect(next(hold)).toEqual({ do: 'stop' });
    expect(hold.result.thawOwed).toBeUndefined();
  });

  it('says that it left, not that it was suspended for that', () => {
    const suspended: HoldNews = { kind: 'suspended' };

    expect(after(sent, frozen, suspended, moved)).toMatchObject({
      ending: { by: 'Migration' },
      lost: 'the guest was moved to another host while it was frozen',
    });
    expect(after(sent, frozen, release, suspended, saved)).toMatchObject({
      ending: { by: 'Release' },
      lost: 'the guest was saved to disk while it was frozen',
    });
  });

  it('owes nothing when its thaw is answered after all', () => {
    expect(next(after(sent, frozen, release, saved, thawed))).toEqual({ do: 'disarm' });
  });

  it('frozen by somebody else is left as it is', () => {
    const hold = after(sent, { kind: 'freezeFailed', error: failed('Refused', 'Refused') }, saved);

    expect(isThawOwed(hold)).toBe(false);
    expect(next(hold)).toEqual({ do: 'disarm' });
  });
});

describe('a hold taken up by the next life of the process', () => {
  it('goes on while its deadline is ahead', () => {
    const hold = after(sent, frozen, { kind: 'restarted', at: at + 10_000 });

    expect(next(hold, 0, { lookAt: 0 })).toEqual({ do: 'look' });
    expect(worthOf([release, thawed, disarmed].reduce(foldHold, hold)).result.verdict).toBe('Consistent');
  });

  it('is thawed at once when its deadline is over', () => {
    const hold = after(sent, frozen, { kind: 'restarted', at: at + 31_000 });

    expect(next(hold)).toEqual({ do: 'thaw' });
    expect(worthOf([thawed, disarmed].reduce(foldHold, hold))).toMatchObject({
      succeeded: false,
      reason: 'AgentRestart',
      result: { endedBy: 'AgentRestart' },
    });
  });

  it('accuses nobody of having thawed it where the life before may have, and was killed before it heard so', () => {
    const hold = after(sent, frozen, release, { kind: 'thawSent', at }, { kind: 'restarted', at: at + 2000 });

    const { result, message } = worthOf([{ ...thawed, count: 0 }, disarmed].reduce(foldHold, hold));
    expect(result).toMatchObject({ verdict: 'ConsistencyLost', endedBy: 'Release' });
    expect(message).toContain('the answer to a thaw was lost');
    expect(worthOf([thawed, disarmed].reduce(foldHold, hold)).result.verdict).toBe('Consistent');
  });

  it.each([[[]], [[sent]]])('is thawed at once when the freeze may have been sent', (news) => {
    const hold = after(...news, { kind: 'restarted', at });

    expect(next(hold)).toEqual({ do: 'thaw' });
    expect(next(foldHold(hold, thawed))).toEqual({ do: 'look' });
  });

  it('goes on disarming what was thawed', () => {
    const hold = after(sent, frozen, release, thawed, { kind: 'restarted', at: at + 99_000 });

    expect(next(hold)).toEqual({ do: 'disarm' });
    expect(worthOf(foldHold(hold, disarmed))).toMatchObject({ succeeded: true, result: { verdict: 'Consistent' } });
  });
});
