import { describe, expect, it } from 'vitest';
import { type FsFreezeWindow, scheduledAtAnnotation } from '../../../src/api/resources.ts';
import { findCondition } from '../../../src/kube/conditions.ts';
import { planSchedule } from '../../../src/manager/freeze-schedule-plan.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aWindow, noon } from './objects.ts';

const minute = 60_000;
const schedule = '*/10 * * * *';
const due = noon + 10 * minute;

/** A window that a schedule made for an instant. */
function made(instant: number, status?: FsFreezeWindow['status'], metadata: Partial<FsFreezeWindow['metadata']> = {}) {
  const name = `nightly-${instant}`;
  return aWindow({}, status, { name, annotations: { [scheduledAtAnnotation]: timestamp(instant) }, ...metadata });
}

const completed = (at: number) => ({
  phase: 'Completed' as const,
  verdict: 'Consistent' as const,
  completionTime: timestamp(at),
});
const failed = (at: number) => ({ phase: 'Failed' as const, completionTime: timestamp(at) });

function plan(window: FsFreezeWindow, now: number, windows: FsFreezeWindow[] = []) {
  return planSchedule({ window, made: windows, now });
}

describe('an instant of the schedule', () => {
  it('makes a window of its own, named by the instant and without the schedule', () => {
    const window = aWindow({ schedule, timeZone: 'Europe/Berlin', concurrencyPolicy: 'Allow', maxFrozenSeconds: 5 });

    const { create, status, lookAgainMs } = plan(window, due + 300);

    expect(create?.metadata).toMatchObject({
      name: 'nightly-202601011210',
      annotations: { [scheduledAtAnnotation]: '2026-01-01T12:10:00Z' },
      ownerReferences: [{ kind: 'FsFreezeWindow', name: 'nightly', controller: true }],
    });
    expect(create?.spec).toEqual(aWindow({ maxFrozenSeconds: 5 }).spec);
    expect(status).toMatchObject({
      phase: 'Scheduled',
      active: ['nightly-202601011210'],
      lastScheduleTime: '2026-01-01T12:10:00Z',
      nextScheduleTime: '2026-01-01T12:20:00Z',
    });
    expect(lookAgainMs).toBe(10 * minute - 300);
  });

  it.each([
    ['the status says so', { lastScheduleTime: timestamp(due) }, []],
    ['its window is there', undefined, [made(due, completed(due))]],
  ])('is not used twice: %s', (_, status, windows) => {
    expect(plan(aWindow({ schedule }, status), due + 1000, windows).create).toBeUndefined();
  });

  it('before the schedule was created does not count', () => {
    expect(plan(aWindow({ schedule }), noon + minute).create).toBeUndefined();
    expect(plan(aWindow({ schedule }), noon + minute).missed).toBeUndefined();
  });

  it('is missed when no manager was there in time, and told once', () => {
    const window = aWindow({ schedule });

    const { create, missed, status } = plan(window, due + 61_000);
    const next = plan({ ...window, status }, due + 62_000);

    expect(create).toBeUndefined();
    expect(missed).toMatchObject({ at: due });
    expect(status.lastMissedTime).toBe('2026-01-01T12:10:00Z');
    expect(findCondition(status.conditions, 'Scheduled')).toMatchObject({ status: 'True', reason: 'MissedSchedule' });
    expect(next.missed).toBeUndefined();
  });

  it('waits for an earlier window under Forbid, and is missed when that takes too long', () => {
    const window = aWindow({ schedule });
    const earlier = [made(noon)];

    const waiting = plan(window, due + 1000, earlier);
    const late = plan(window, due + 61_000, earlier);
    const free = plan(window, due + 30_000, [made(noon, completed(due + 29_000))]);

    expect([waiting.create, waiting.missed]).toEqual([undefined, undefined]);
    expect(waiting.lookAgainMs).toBe(59_001);
    expect(late.missed?.why).toContain(`window nightly-${noon} was not over`);
    expect(free.create?.metadata.name).toBe('nightly-202601011210');
  });

  it('does not wait under Allow', () => {
    const { create } = plan(aWindow({ schedule, concurrencyPolicy: 'Allow' }), due, [made(noon)]);

    expect(create).toBeDefined();
  });
});

describe('a schedule that is edited', () => {
  const ten = Date.parse('2026-01-02T10:00:00Z');
  const since = Date.parse('2026-01-01T21:00:00Z');
  const born = { creationTimestamp: timestamp(since) };

  /** The plan of a schedule that ran at 22:00 and is another one since. */
  function edited(spec: Partial<FsFreezeWindow['spec']>, now: number, before = '0 22 * * *') {
    const ran = plan(aWindow({ schedule: before }, undefined, born), Date.parse('2026-01-01T22:00:00Z'));
    return plan(aWindow({ schedule: before, startingDeadlineSeconds: 300, ...spec }, ran.status, born), now);
  }

  it.each([
    ['missed what it would have come to before', { schedule: '0 9 * * *' }, ten],
    ['missed what another zone would have brought', { timeZone: 'Europe/Berlin' }, ten + 12 * 60 * minute],
  ])('has not %s', (_, spec, now) => {
    const { create, missed, status } = edited(spec, now);
    const later = plan(aWindow({ schedule: '0 22 * * *', ...spec }, status, born), now + minute);

    expect([create, missed, later.create, later.missed]).toEqual([undefined, undefined, undefined, undefined]);
    expect(status.lastMissedTime).toBeUndefined();
  });

  it('freezes nobody at once for an instant before the edit, and does at the next one', () => {
    const { create, status } = edited({ schedule: '0 10 * * *' }, ten + 3 * minute);
    const next = plan(aWindow({ schedule: '0 10 * * *' }, status, born), ten + 24 * 60 * minute);

    expect(create).toBeUndefined();
    expect(next.create?.metadata.name).toBe('nightly-202601031000');
  });

  it('does not lose the instant that comes between the edit and the look at it', () => {
    expect(edited({ schedule: '0 10 * * *' }, ten + 2000).create?.metadata.name).toBe('nightly-202601021000');
  });

  it('goes on as it was when UTC is only called by its name', () => {
    const { missed } = edited({ timeZone: 'UTC' }, ten + 13 * 60 * minute);

    expect(missed).toMatchObject({ at: ten + 12 * 60 * minute });
  });
});

describe('a suspended schedule', () => {
  it('makes nothing, and nothing is missed of what came meanwhile', () => {
    const window = aWindow({ schedule, suspend: true });

    const suspended = plan(window, due + 1000);
    const resumed = plan(aWindow({ schedule }, suspended.status), due + 2 * minute);
    const later = plan(aWindow({ schedule }, resumed.status), due + 3 * minute);
    const next = plan(aWindow({ schedule }, later.status), due + 10 * minute);

    expect(suspended).toMatchObject({ create: undefined, status: { phase: 'Suspended' } });
    expect(suspended.status.nextScheduleTime).toBeUndefined();
    expect([resumed.missed, later.missed, later.create]).toEqual([undefined, undefined, undefined]);
    expect(next.create).toBeDefined();
  });
});

describe('the history', () => {
  const instants = [1, 2, 3, 4, 5].map((index) => noon + index * minute);

  it('keeps the newest receipts of each kind', () => {
    const windows = [
      ...instants.map((at) => made(at, completed(at))),
      ...instants.map((at) => made(at, failed(at), { name: `failed-${at}` })),
    ];

    const deleted = plan(aWindow({ schedule, failedWindowsHistoryLimit: 1 }), noon + 6 * minute, windows).delete;

    expect(deleted.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      [
        ...instants.slice(0, 2).map((at) => `nightly-${at}`),
        ...instants.slice(0, 4).map((at) => `failed-${at}`),
      ].toSorted(),
    );
  });

  it('keeps whoever owes a thaw or is not over, whatever the limits', () => {
    const owed = {
      type: 'ThawOwed',
      status: 'True' as const,
      reason: 'ThawOwed',
      message: '',
      lastTransitionTime: timestamp(noon),
    };
    const windows = [made(noon, { ...failed(noon), conditions: [owed] }), made(noon + minute)];

    expect(plan(aWindow({ schedule, failedWindowsHistoryLimit: 0 }), noon + 2 * minute, windows).delete).toEqual([]);
  });

  it('shows the last success and the last verdict', () => {
    const windows = [made(noon, completed(noon + 5000)), made(noon + minute, failed(noon + minute))];

    expect(plan(aWindow({ schedule }), noon + 2 * minute, windows).status).toMatchObject({
      lastSuccessfulTime: timestamp(noon + 5000),
    });
    expect(plan(aWindow({ schedule }), noon + 2 * minute, windows.slice(0, 1)).status.verdict).toBe('Consistent');
  });
});

describe('a schedule that can not be', () => {
  it.each([
    ['a day that no calendar has', { schedule: '0 0 31 2 *' }, 'never comes'],
    ['a zone that is nowhere', { schedule, timeZone: 'Mars/Olympus' }, 'no time zone "Mars/Olympus"'],
  ])('fails with %s and a sentence, and comes back when it is mended', (_, spec, sentence) => {
    const broken = plan(aWindow(spec), due);
    const mended = plan(aWindow({ schedule }, broken.status), due + 2 * minute);
    const next = plan(aWindow({ schedule }, mended.status), due + 10 * minute);

    expect(broken).toMatchObject({ create: undefined, status: { phase: 'Failed', failureReason: 'InvalidSchedule' } });
    expect(findCondition(broken.status.conditions, 'Failed')).toMatchObject({
      status: 'True',
      reason: 'InvalidSchedule',
    });
    expect(findCondition(broken.status.conditions, 'Failed')?.message).toContain(sentence);
    expect(mended.status.failureReason).toBeUndefined();
    expect(findCondition(mended.status.conditions, 'Failed')?.status).toBe('False');
    expect([mended.create, mended.missed]).toEqual([undefined, undefined]);
    expect(next.create).toBeDefined();
  });
});
