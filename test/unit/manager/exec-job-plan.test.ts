import { describe, expect, it } from 'vitest';
import { findCondition } from '../../../src/kube/conditions.ts';
import { type Observed, planExecJob } from '../../../src/manager/exec-job-plan.ts';
import { graceMs } from '../../../src/manager/task-fate.ts';
import { aGuest, aJob, aTask, noon } from './objects.ts';

/** The next step of a job whose hosts are all there. */
const plan = (observed: Omit<Observed, 'hostExists'>) => planExecJob({ hostExists: () => true, ...observed });

const soon = noon + 2000;
const succeeded = { phase: 'Succeeded', reason: 'Completed', exec: { exitCode: 0 } } as const;
const failed = { phase: 'Failed', reason: 'NonZeroExit', message: 'exited with 3', exec: { exitCode: 3 } } as const;
const claim = { node: 'hv1', instance: 'i', journal: 'j', time: '2026-01-01T12:00:01Z' };

describe('starting', () => {
  it('makes one task for every guest that can be reached, bound to its node and its domain', () => {
    const guests = [aGuest('web-2'), aGuest('web-1')];

    const { create } = plan({ job: aJob(), guests, tasks: [], now: soon });

    expect(create.map(({ spec }) => [spec.guestName, spec.nodeName, spec.guestUID])).toEqual([
      ['web-1', 'hv1', guests[1]?.status?.domain?.uuid],
      ['web-2', 'hv1', guests[0]?.status?.domain?.uuid],
    ]);
  });

  it('names a task the same each time, so that making it twice makes it once', () => {
    const observed = { job: aJob(), guests: [aGuest('web-1')], tasks: [], now: soon };

    const names = [plan(observed), plan({ ...observed, now: soon + 500 })].map(
      ({ create }) => create[0]?.metadata.name,
    );

    expect(names[0]).toBe(names[1]);
    expect(names[0]).toMatch(/^job-web-1-[0-9a-f]{10}$/);
  });

  it('starts in no more guests at once than parallelism allows', () => {
    const job = aJob({ parallelism: 2 });
    const guests = ['a', 'b', 'c', 'd'].map((name) => aGuest(name));
    const [a, b] = guests as [(typeof guests)[0], (typeof guests)[0]];

    const first = plan({ job, guests, tasks: [], now: soon });
    const next = plan({ job, guests, tasks: [aTask(job, a, succeeded), aTask(job, b)], now: soon });

    expect(first.create.map(({ spec }) => spec.guestName)).toEqual(['a', 'b']);
    expect(next.create.map(({ spec }) => spec.guestName)).toEqual(['c']);
    expect(next.status).toMatchObject({ completions: '1/4', targets: 4, active: 2, waiting: 1, succeeded: 1 });
  });

  it('does not make a second task for a guest whose first has not come to an end', () => {
    const job = aJob();
    const guest = aGuest('web-1');

    expect(plan({ job, guests: [guest], tasks: [aTask(job, guest)], now: soon }).create).toEqual([]);
  });

  it('starts nothing while suspended, and starts its clocks anew when it is let go', () => {
    const guests = [aGuest('web-1')];
    const waiting = plan({ job: aJob({ suspend: true }), guests, tasks: [], now: soon });
    const later = noon + 3600_000;
    const resumed = plan({
      job: aJob({ activeDeadlineSeconds: 10 }, waiting.status),
      guests,
      tasks: [],
      now: later,
    });

    expect(waiting.create).toEqual([]);
    expect(waiting.status).toMatchObject({ phase: 'Suspended', waiting: 1 });
    expect(waiting.status.startTime).toBeUndefined();
    expect(resumed.create.map(({ spec }) => spec.deadline)).toEqual(['2026-01-01T13:00:11Z']);
    expect(findCondition(resumed.status.conditions, 'Suspended')?.status).toBe('False');
  });
});

describe('guests that can not be reached', () => {
  it.each([
    ['off', { running: false }, 'GuestNotRunning'],
    ['silent', { agent: 'False' }, 'AgentNotConnected'],
    ['suspended by a person', { suspend: true }, 'GuestSuspended'],
  ] as const)('waits for one that is %s, and says so', (_, state, reason) => {
    const { create, status, ended, lookAgainMs } = plan({
      job: aJob(),
      guests: [aGuest('web-1', state)],
      tasks: [],
      now: soon,
    });

    expect(create).toEqual([]);
    expect(ended).toBeUndefined();
    expect(status).toMatchObject({
      phase: 'Waiting',
      waiting: 1,
      guests: [{ name: 'web-1', phase: 'Pending', reason }],
    });
    expect(findCondition(status.conditions, 'Complete')).toMatchObject({ status: 'False', reason });
    expect(lookAgainMs).toBe(59_000);
  });

  it('gives them up as undeliverable when the starting deadline is over', () => {
    const { ended, status } = plan({
      job: aJob(),
      guests: [aGuest('web-1', { running: false })],
      tasks: [],
      now: noon + 61_000,
    });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'Undeliverable' });
    expect(status.guests).toMatchObject([{ phase: 'Failed', reason: 'Undeliverable' }]);
    expect(status.guests?.[0]?.message).toContain('web-1 is shutoff');
  });

  it('starts in a guest that comes back while others are still at it', () => {
    const job = aJob();
    const [busy, late] = [aGuest('busy'), aGuest('late', { since: noon + 90_000 })];
    const tasks = [aTask(job, busy, { phase: 'Running', claim })];

    expect(
      plan({ job, guests: [busy, late], tasks, now: noon + 100_000 }).create.map(({ spec }) => spec.guestName),
    ).toEqual(['late']);
  });

  it('gives up what a host had claimed whose GuestHost was deleted', () => {
    const job = aJob();
    const tasks = [aTask(job, aGuest('a'), { phase: 'Claimed', claim })];

    const { giveUp } = planExecJob({ job, guests: [aGuest('a')], tasks, hostExists: () => false, now: soon });

    expect(giveUp).toMatchObject([{ phase: 'Unknown', reason: 'HostGone' }]);
  });

  it.each([{}, { suspend: true }])('does not let a silent host take the places of others: %j', (wish) => {
    const job = aJob({ parallelism: 1 });
    const lost = { ...aGuest('lost'), spec: wish };
    for (const condition of lost.status?.conditions ?? []) condition.status = 'Unknown';
    const tasks = [aTask(job, lost, { phase: 'Claimed', claim })];

    const { create } = plan({ job, guests: [lost, aGuest('other')], tasks, now: soon });

    expect(create.map(({ spec }) => spec.guestName)).toEqual(['other']);
  });

  it('still starts in a guest that only waited for its turn', () => {
    const job = aJob({ parallelism: 1 });
    const [first, second] = [aGuest('a'), aGuest('b')];

    const { create } = plan({
      job,
      guests: [first, second],
      tasks: [aTask(job, first, succeeded)],
      now: noon + 600_000,
    });

    expect(create.map(({ spec }) => spec.guestName)).toEqual(['b']);
  });

  it('waits for what was there before, and is missing since, from when it was first seen missing', () => {
    const job = aJob();
    const late = noon + 1200_000;
    const missing = { reason: 'InputNotFound', message: 'Secret team-a/db does not exist', since: late } as const;
    const at = (now: number) =>
      plan({ job, guests: [aGuest('a'), aGuest('b')], tasks: [], hindrance: () => missing, now });

    const soonAfter = at(late + 5000);
    const over = at(late + 61_000);

    expect([soonAfter.ended, soonAfter.lookAgainMs]).toEqual([undefined, 56_000]);
    expect(soonAfter.status).toMatchObject({ waiting: 2, guests: [{ reason: 'InputNotFound' }, {}] });
    expect(findCondition(soonAfter.status.conditions, 'Complete')?.message).toBe(
      'Secret team-a/db does not exist, and 1 more: waited for until 2026-01-01T12:21:01Z',
    );
    expect(over.ended).toMatchObject({ type: 'Failed', reason: 'GuestsFailed' });
    expect(over.status.guests?.[0]).toMatchObject({ reason: 'Undeliverable', message: missing.message });
  });

  it('fails one without an agent channel at once: waiting would not help', () => {
    const { ended } = plan({
      job: aJob(),
      guests: [aGuest('web-1', { agent: 'NoAgentChannel' })],
      tasks: [],
      now: soon,
    });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NoAgentChannel' });
  });

  it('waits for a guest that does not exist, then fails', () => {
    const job = aJob({ target: { guestName: 'nobody' } });

    const early = plan({ job, guests: [], tasks: [], now: soon });
    const late = plan({ job, guests: [], tasks: [], now: noon + 61_000 });

    expect(early.status).toMatchObject({ phase: 'Waiting', completions: '0/1', guests: [{ reason: 'GuestNotFound' }] });
    expect(late.ended).toMatchObject({ type: 'Failed', reason: 'GuestNotFound' });
  });

  it('waits for a selector to match, then fails', () => {
    const early = plan({ job: aJob(), guests: [], tasks: [], now: soon });
    const late = plan({ job: aJob(), guests: [], tasks: [], now: noon + 61_000 });

    expect(findCondition(early.status.conditions, 'Complete')).toMatchObject({ reason: 'NoGuestsMatched' });
    expect(late.ended).toMatchObject({ type: 'Failed', reason: 'NoGuestsMatched' });
  });

  it('gives up a task that the agent of a silent host never took, but none that was claimed', () => {
    const job = aJob();
    const [a, b] = [aGuest('a'), aGuest('b')];
    const tasks = [aTask(job, a), aTask(job, b, { phase: 'Claimed', claim })];

    const before = plan({ job, guests: [a, b], tasks, now: noon + 61_000 + graceMs - 1 });
    const after = plan({ job, guests: [a, b], tasks, now: noon + 61_000 + graceMs });

    expect(before.giveUp).toEqual([]);
    expect(after.giveUp.map(({ task }) => task.spec.guestName)).toEqual(['a']);
  });
});

it('gives up no task that its agent only has no room for, unless its host has fallen silent', () => {
  const job = aJob();
  const [a, lost] = [aGuest('a'), aGuest('a')];
  for (const condition of lost.status?.conditions ?? []) condition.status = 'Unknown';
  const tasks = [aTask(job, a, { phase: 'Pending', reason: 'GuestFull', message: 'there is no room' })];
  const late = noon + 600_000;

  const waiting = plan({ job, guests: [a], tasks, now: late });

  expect([waiting.giveUp, waiting.ended]).toEqual([[], undefined]);
  expect(plan({ job, guests: [lost], tasks, now: late }).giveUp).toMatchObject([{ reason: 'Undeliverable' }]);
  expect(plan({ job, guests: [], tasks, now: late }).giveUp).toMatchObject([
    { reason: 'Undeliverable', message: 'there is no room, and none came in time' },
  ]);
});

describe('ending', () => {
  it('is complete when every guest succeeded', () => {
    const job = aJob();
    const guests = [aGuest('a'), aGuest('b')];

    const { ended, status } = plan({
      job,
      guests,
      tasks: guests.map((guest) => aTask(job, guest, succeeded)),
      now: soon,
    });

    expect(ended?.type).toBe('Complete');
    expect(status).toMatchObject({ phase: 'Complete', completions: '2/2', succeeded: 2, failed: 0 });
    expect(findCondition(status.conditions, 'Complete')?.status).toBe('True');
  });

  it('fails when one guest did, names it, and lists it first', () => {
    const job = aJob();
    const [a, b] = [aGuest('a'), aGuest('b')];

    const { ended, status } = plan({
      job,
      guests: [a, b],
      tasks: [aTask(job, a, succeeded), aTask(job, b, failed)],
      now: soon,
    });

    expect(ended).toMatchObject({
      type: 'Failed',
      reason: 'GuestsFailed',
      message: '1 of 2 guests failed: b (NonZeroExit)',
    });
    expect(status.guests?.map(({ name, exitCode }) => [name, exitCode])).toEqual([
      ['b', 3],
      ['a', 0],
    ]);
  });

  it('takes the reason of its only guest as its own', () => {
    const job = aJob({ target: { guestName: 'a' } });

    expect(plan({ job, guests: [aGuest('a')], tasks: [aTask(job, aGuest('a'), failed)], now: soon }).ended).toEqual({
      type: 'Failed',
      reason: 'NonZeroExit',
      message: 'exited with 3',
    });
  });

  it('does not call a guest whose outcome nobody knows a success', () => {
    const job = aJob();
    const task = aTask(job, aGuest('a'), { phase: 'Unknown', reason: 'GuestRebooted', message: 'm' });

    expect(plan({ job, guests: [aGuest('a')], tasks: [task], now: soon }).ended?.type).toBe('Failed');
  });

  describe('when its deadline is over', () => {
    const job = aJob({ activeDeadlineSeconds: 10, exec: { command: ['true'], terminationGracePeriodSeconds: 60 } });
    const deadline = noon + 11_000;
    const [a, b] = [aGuest('a'), aGuest('b')];
    const tasks = [aTask(job, a, { phase: 'Running', claim })];
    const at = (now: number, guests = [a, b]) => plan({ job, guests, tasks, now });

    it('starts nothing, and waits until the agents must have ended what runs, by SIGKILL in the end', () => {
      const [atDeadline, meanwhile, afterwards] = [at(deadline), at(deadline + graceMs), at(deadline + 85_000)];

      expect(atDeadline.create).toEqual([]);
      expect(atDeadline.ended).toBeUndefined();
      expect([meanwhile.ended, meanwhile.status.active]).toEqual([undefined, 1]);
      expect(at(deadline + 61_000).lookAgainMs).toBe(24_000);
      expect(afterwards.ended).toMatchObject({ type: 'Failed', reason: 'DeadlineExceeded' });
      expect(afterwards.status.guests).toMatchObject([
        { name: 'b', phase: 'Failed', reason: 'DeadlineExceeded' },
        { name: 'a', phase: 'Unknown', reason: 'DeadlineExceeded' },
      ]);
    });

    it('waits no longer than a little for a host that nothing is heard from', () => {
      const lost = aGuest('a');
      for (const condition of lost.status?.conditions ?? []) condition.status = 'Unknown';

      expect(at(deadline + graceMs - 1, [lost, b]).ended).toBeUndefined();
      expect(at(deadline + graceMs, [lost, b]).status.guests).toMatchObject([
        { name: 'b', phase: 'Failed' },
        { name: 'a', phase: 'Unknown', reason: 'DeadlineExceeded' },
      ]);
    });
  });

  it('changes nothing once it ended, and deletes itself when its time to live is over', () => {
    const job = aJob({ ttlSecondsAfterFinished: 60 });
    const guest = aGuest('a');
    const { status } = plan({ job, guests: [guest], tasks: [aTask(job, guest, succeeded)], now: soon });
    const over = { ...job, status };

    const early = plan({ job: over, guests: [guest, aGuest('new')], tasks: [], now: soon + 30_000 });
    const late = plan({ job: over, guests: [guest], tasks: [], now: soon + 60_000 });

    expect([early.status, early.create, early.deleteJob, early.lookAgainMs]).toEqual([status, [], undefined, 30_000]);
    expect(late.deleteJob).toBe(true);
  });
});

it('keeps the status of ten thousand guests small and its counters exact', () => {
  const job = aJob({ parallelism: 10_000 });
  const guests = Array.from({ length: 10_000 }, (_, index) => aGuest(`guest-${index}`));
  const stdout = 'x'.repeat(16_384);
  const tasks = guests.map((guest, index) =>
    aTask(
      job,
      guest,
      index % 10 === 0 ? { ...failed, exec: { exitCode: 3, stdout } } : { ...succeeded, exec: { exitCode: 0, stdout } },
    ),
  );

  const { status } = plan({ job, guests, tasks, now: soon });

  expect(status).toMatchObject({ completions: '9000/10000', succeeded: 9000, failed: 1000 });
  expect(status.guests?.length).toBe(100);
  expect(status.guests?.every(({ phase }) => phase === 'Failed')).toBe(true);
  expect(JSON.stringify(status).length).toBeLessThan(400_000);
});
