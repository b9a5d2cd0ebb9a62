import { describe, expect, it } from 'vitest';
import type { GuestExecJob, GuestTask } from '../../../src/api/resources.ts';
import { findCondition } from '../../../src/kube/conditions.ts';
import { type Observed, planExecJob } from '../../../src/manager/exec-job-plan.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aGuest, aJob, aTask, noon } from './objects.ts';

const soon = noon + 2000;
const guests = ['a', 'b', 'c', 'd'].map((name) => aGuest(name));
const [a, b, c, d] = guests as [Guest, Guest, Guest, Guest];
type Guest = ReturnType<typeof aGuest>;
const succeeded = { phase: 'Succeeded', reason: 'Completed', exec: { exitCode: 0 } } as const;
const claim = { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon) };
const failed = {
  claim,
  phase: 'Failed',
  reason: 'NonZeroExit',
  message: 'the command exited with 3',
  exec: { exitCode: 3 },
  completionTime: timestamp(noon),
} as const;
const running = { claim, phase: 'Running' } as const;

function plan(job: GuestExecJob, tasks: GuestTask[], more: Partial<Observed> = {}) {
  return planExecJob({ job, guests, tasks, hostExists: () => true, now: soon, ...more });
}
const started = ({ create }: { create: GuestTask[] }) => create.map(({ spec }) => [spec.guestName, spec.attempt]);

describe('a share of the fleet', () => {
  it('is how many run at once, and at least one', () => {
    expect(started(plan(aJob({ parallelism: '50%' }), []))).toEqual([
      ['a', 0],
      ['b', 0],
    ]);
    expect(started(plan(aJob({ parallelism: '10%' }), []))).toEqual([['a', 0]]);
  });

  it('is how many may fail before nothing further is started', () => {
    const job = aJob({ maxFailures: '25%', parallelism: 1 });

    const oneFailed = plan(job, [aTask(job, a, failed)]);
    const twoFailed = plan(job, [aTask(job, a, failed), aTask(job, b, failed)]);

    expect(started(oneFailed)).toEqual([['b', 0]]);
    expect(started(twoFailed)).toEqual([]);
    expect(twoFailed.ended).toMatchObject({
      reason: 'MaxFailuresExceeded',
      message: '2 guests failed, and maxFailures allows 1',
    });
    expect(twoFailed.status).toMatchObject({ failed: 2, skipped: 2, completions: '0/4' });
  });
});

describe('maxFailures', () => {
  it('lets what runs come to its end before the job fails', () => {
    const job = aJob({ maxFailures: 0 });

    const { release, ended, status } = plan(job, [aTask(job, a, failed), aTask(job, b, running)]);

    expect([release, ended]).toEqual([[], undefined]);
    expect(status).toMatchObject({ failed: 1, active: 1, skipped: 2 });
  });
});

describe('backoffLimit', () => {
  const job = aJob({ backoffLimit: 2, target: { guestName: 'a' } });

  it('tries a guest again after a wait that grows, and shows what happened meanwhile', () => {
    const first = [aTask(job, a, failed)];

    const waiting = plan(job, first, { guests: [a] });
    const due = plan(job, first, { guests: [a], now: noon + 10_000 });
    const second = [...first, aTask(job, a, failed, 1)];

    expect([started(waiting), waiting.lookAgainMs]).toEqual([[], 8000]);
    expect(waiting.status.guests).toMatchObject([{ phase: 'Pending', reason: 'Retrying', attempts: 1 }]);
    expect(waiting.status.guests?.[0]?.message).toContain('NonZeroExit: the command exited with 3');
    expect(waiting.status).toMatchObject({ waiting: 1, active: 0 });
    expect(started(due)).toEqual([['a', 1]]);
    expect(started(plan(job, second, { guests: [a], now: noon + 19_999 }))).toEqual([]);
    expect(started(plan(job, second, { guests: [a], now: noon + 20_000 }))).toEqual([['a', 2]]);
  });

  it('counts a guest whose next attempt can not be made yet as waiting, and says what for', () => {
    const off = aGuest('a', { running: false });

    const { status } = plan(job, [aTask(job, a, failed)], { guests: [off], now: noon + 12_000 });

    expect(status).toMatchObject({ phase: 'Waiting', waiting: 1, active: 0 });
    expect(status.conditions).toMatchObject([{ type: 'Complete', reason: 'GuestNotRunning' }]);
  });

  it('waits for a guest that can not be reached when its next attempt is due as it did at first', () => {
    const late = noon + 600_000;
    const off = aGuest('a', { running: false });
    const tasks = [aTask(job, a, { ...failed, completionTime: timestamp(late) })];
    const at = (ms: number, guest: Guest) => plan(job, tasks, { guests: [guest], now: late + ms });

    const away = at(12_000, off);

    expect([away.ended, away.lookAgainMs]).toEqual([undefined, 59_000]);
    expect(away.status.guests).toMatchObject([{ phase: 'Pending', reason: 'GuestNotRunning' }]);
    expect(findCondition(away.status.conditions, 'Complete')?.message).toContain(
      'waited for until 2026-01-01T12:11:11Z',
    );
    expect(started(at(14_000, a))).toEqual([['a', 1]]);
    expect(at(71_000, off).ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
  });

  it('ends with the last attempt', () => {
    const tasks = [aTask(job, a, failed), aTask(job, a, failed, 1), aTask(job, a, failed, 2)];

    const { ended, status } = plan(job, tasks, { guests: [a], now: noon + 3600_000 });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
    expect(status).toMatchObject({ failed: 1, guests: [{ attempts: 3 }] });
  });

  it('counts only the attempt that succeeded', () => {
    const { ended, status } = plan(job, [aTask(job, a, failed), aTask(job, a, succeeded, 1)], { guests: [a] });

    expect(ended?.type).toBe('Complete');
    expect(status).toMatchObject({ completions: '1/1', failed: 0 });
  });

  it('has no further attempt for a guest that is gone, or while the job is suspended', () => {
    const later = { now: noon + 60_000 };

    expect(plan(job, [aTask(job, a, failed)], { guests: [], ...later }).ended).toMatchObject({ reason: 'NonZeroExit' });
    expect(started(plan({ ...job, spec: { ...job.spec, suspend: true } }, [aTask(job, a, failed)], later))).toEqual([]);
  });
});

describe('a guest that failed and is not tried again after all', () => {
  const message = (reason: string) => `the command exited with 3; no further attempt: ${reason}`;
  const off = aGuest('a', { running: false });

  it('keeps how it failed when too many others did', () => {
    const job = aJob({ backoffLimit: 1, maxFailures: 0 });
    const tasks = [aTask(job, a, failed), aTask(job, b, failed), aTask(job, b, failed, 1)];

    const { create, ended, status } = plan(job, tasks);

    expect(create).toEqual([]);
    expect(ended).toMatchObject({ type: 'Failed', reason: 'MaxFailuresExceeded' });
    expect(status).toMatchObject({ failed: 2, skipped: 2 });
    expect(status.guests?.[0]).toMatchObject({
      name: 'a',
      phase: 'Failed',
      reason: 'NonZeroExit',
      exitCode: 3,
      attempts: 1,
      message: message('1 guests failed, and maxFailures allows 0'),
    });
  });

  it('keeps how it failed when the job has no time left', () => {
    const job = aJob({ backoffLimit: 1, activeDeadlineSeconds: 5, target: { guestName: 'a' } });

    const { ended, status } = plan(job, [aTask(job, a, failed)], { guests: [a], now: noon + 6000 });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
    expect(status.guests).toMatchObject([
      { reason: 'NonZeroExit', exitCode: 3, message: message('activeDeadlineSeconds was over before its turn came') },
    ]);
  });

  it('keeps how it failed when it can not be reached any more, whatever the policy makes of that', () => {
    const job = aJob({
      backoffLimit: 1,
      target: { guestName: 'a' },
      failurePolicy: { rules: [{ action: 'Ignore', onOutcomes: ['AgentUnavailable'] }] },
    });

    const { ended, status } = plan(job, [aTask(job, a, failed)], { guests: [off], now: noon + 600_000 });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
    expect(status).toMatchObject({ failed: 1, ignored: 0 });
    expect(status.guests).toMatchObject([
      { phase: 'Failed', exitCode: 3, message: message('guest a is shutoff: start it') },
    ]);
  });

  it.each([
    { phase: 'Failed', reason: 'Undeliverable', message: 'm' },
    { claim, phase: 'Failed', reason: 'Undeliverable', message: 'm' },
    { phase: 'Failed', reason: 'DeadlineExceeded', message: 'm' },
    { claim, phase: 'Skipped', reason: 'Released', message: 'm' },
  ] as const)('keeps how it failed when nothing came of the next attempt: %j', (nothing) => {
    const rules = [{ action: 'Ignore' as const, onOutcomes: ['AgentUnavailable' as const] }];
    const job = aJob({ backoffLimit: 3, target: { guestName: 'a' }, failurePolicy: { rules } });

    const { ended, status } = plan(job, [aTask(job, a, nothing, 1), aTask(job, a, failed)], { guests: [a] });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
    expect(status.guests).toMatchObject([{ phase: 'Failed', exitCode: 3, attempts: 1, message: message('m') }]);
  });

  it('fails the whole job where a rule says so of what kept it from being tried again', () => {
    const rules = [{ action: 'FailJob' as const, onOutcomes: ['AgentUnavailable' as const] }];
    const job = aJob({ backoffLimit: 1, failurePolicy: { rules } });

    const { create, ended } = plan(job, [aTask(job, a, failed)], { guests: [off, b], now: noon + 600_000 });

    expect(create).toEqual([]);
    expect(ended).toMatchObject({ type: 'Failed', reason: 'FailurePolicy' });
  });

  it('keeps how it failed when somebody forbids it meanwhile', () => {
    const job = aJob({ backoffLimit: 1, target: { guestName: 'a' } });
    const noChannel = aGuest('a', { agent: 'NoAgentChannel' });

    const { ended, status } = plan(job, [aTask(job, a, failed)], { guests: [noChannel], now: noon + 11_000 });

    expect(ended).toMatchObject({ type: 'Failed', reason: 'NonZeroExit' });
    expect(status.guests).toMatchObject([{ phase: 'Failed', exitCode: 3 }]);
  });

  it('keeps how it failed when it is gone', () => {
    const job = aJob({ backoffLimit: 1 });

    const { status } = plan(job, [aTask(job, a, failed)], { guests: [] });

    expect(status.guests).toMatchObject([
      { phase: 'Failed', exitCode: 3, message: message("guest a is gone, or not among the job's targets any more") },
    ]);
  });
});

describe('failurePolicy', () => {
  it('completes a job whose only failures it ignores, and says so', () => {
    const rules = [{ action: 'Ignore' as const, onExitCodes: { operator: 'In' as const, values: [3] } }];
    const job = aJob({ failurePolicy: { rules } });
    const tasks = [aTask(job, a, failed), ...[b, c, d].map((guest) => aTask(job, guest, succeeded))];

    const { ended, status } = plan(job, tasks);

    expect(ended).toEqual({
      type: 'Complete',
      reason: 'GuestsSucceeded',
      message: 'the command succeeded in 3 of 4 guests; failurePolicy ignores the other 1',
    });
    expect(status).toMatchObject({ succeeded: 3, failed: 0, ignored: 1 });
  });

  it('fails the whole job at once: nothing further starts, and what runs is ended', () => {
    const rules = [{ action: 'FailJob' as const, onExitCodes: { operator: 'In' as const, values: [3] } }];
    const job = aJob({ failurePolicy: { rules }, parallelism: 2 });
    const tasks = [aTask(job, a, failed), aTask(job, b, running)];

    const { create, release, ended } = plan(job, tasks);
    const afterwards = plan(job, [aTask(job, a, failed), aTask(job, b, { ...failed, reason: 'Released' })]);

    expect(create).toEqual([]);
    expect(release.map(({ spec }) => spec.guestName)).toEqual(['b']);
    expect(ended).toBeUndefined();
    expect(afterwards.ended).toMatchObject({ type: 'Failed', reason: 'FailurePolicy' });
    expect(afterwards.ended?.message).toContain('guest a (NonZeroExit)');
  });

  it.each([{ exec: { exitCode: 143 } }, { exec: { signal: 9 } }])(
    'tells how the command ended that was ended for it, and tries no more there: %j',
    ({ exec }) => {
      const rules = [
        { action: 'FailJob' as const, onExitCodes: { operator: 'In' as const, values: [3] } },
        { action: 'Retry' as const, onSignals: [9] },
      ];
      const job = aJob({ failurePolicy: { rules }, backoffLimit: 3 });
      const { exec: _, ...cut } = { ...failed, reason: 'Released', message: 'SIGTERM ended it' };

      const { create, ended, status } = plan(job, [aTask(job, a, failed), aTask(job, b, { ...cut, exec })]);

      expect(create).toEqual([]);
      expect(ended).toMatchObject({ type: 'Failed', reason: 'FailurePolicy' });
      expect(status).toMatchObject({ failed: 2, skipped: 2 });
      expect(status.guests?.[1]).toMatchObject({
        name: 'b',
        phase: 'Failed',
        reason: 'Released',
        message: 'SIGTERM ended it',
        ...exec,
      });
    },
  );

  it('can ignore guests that nobody could reach', () => {
    const job = aJob({ failurePolicy: { rules: [{ action: 'Ignore', onOutcomes: ['AgentUnavailable'] }] } });
    const off = aGuest('off', { running: false });

    const { ended } = plan(job, [aTask(job, a, succeeded)], { guests: [a, off], now: noon + 61_000 });

    expect(ended?.type).toBe('Complete');
  });
});

describe('dryRun', () => {
  it('starts nothing and says who would run and who would not', () => {
    const off = aGuest('off', { running: false });

    const { create, ended, status } = plan(aJob({ dryRun: true }), [], { guests: [a, off] });

    expect(create).toEqual([]);
    expect(ended).toEqual({
      type: 'Complete',
      reason: 'DryRun',
      message: 'dry run: would start in 1 of 2 guests now, not in off (GuestNotRunning)',
    });
    expect(status).toMatchObject({
      phase: 'Complete',
      skipped: 2,
      guests: [
        { name: 'a', phase: 'Skipped', reason: 'WouldRun' },
        { name: 'off', phase: 'Skipped', reason: 'GuestNotRunning' },
      ],
    });
  });

  it('fails at once where nobody matches', () => {
    expect(plan(aJob({ dryRun: true }), [], { guests: [] }).ended).toMatchObject({ reason: 'NoGuestsMatched' });
  });
});
