import { expect, it } from 'vitest';
import type { FsFreezeWindow, GuestExecJob, PasswordRotation } from '../../../src/api/resources.ts';
import { createFleetCensus } from '../../../src/manager/fleet-census.ts';

const fleet = { hostsReady: () => new Map(), thawsOwed: () => new Map() };
const completionTime = '2026-01-01T12:00:00Z';

/** The census of objects of which only the status, and of windows the schedule, matters. */
function census(seen: { jobs?: object[]; windows?: object[]; rotations?: object[] }) {
  const list = <T>(statuses: object[] = []) => ({
    list: () => statuses.map((status) => ({ spec: {}, status, ...status }) as T),
  });
  return createFleetCensus({
    fleet,
    jobs: list<GuestExecJob>(seen.jobs),
    windows: list<FsFreezeWindow>(seen.windows),
    rotations: list<PasswordRotation>(seen.rotations),
  });
}

it('counts jobs and their guests as long as the job is not over', () => {
  const { jobs, jobGuests } = census({
    jobs: [
      { phase: 'Running', waiting: 3, active: 2 },
      { phase: 'Running', waiting: 4, active: 1 },
      { phase: 'Failed', waiting: 9, completionTime },
      {},
    ],
  });

  expect(Object.fromEntries(jobs())).toEqual({ Waiting: 1, Running: 2, Suspended: 0 });
  expect(Object.fromEntries(jobGuests())).toEqual({ waiting: 7, active: 3 });
});

it('counts windows that are not over, and no schedules', () => {
  const { windows } = census({
    windows: [{ phase: 'Frozen' }, { phase: 'Completed', completionTime }, { spec: { schedule: '0 3 * * *' } }, {}],
  });

  expect(Object.fromEntries(windows())).toEqual({ Pending: 1, Preparing: 0, Frozen: 1, Thawing: 0 });
});

it('counts schedules by whether they make windows', () => {
  const spec = { schedule: '0 3 * * *' };
  const { schedules } = census({
    windows: [{ spec }, { spec, phase: 'Scheduled' }, { spec, phase: 'Suspended' }, { phase: 'Failed' }],
  });

  expect(Object.fromEntries(schedules())).toEqual({ Scheduled: 2, Suspended: 1, Failed: 0 });
});

it('counts each guest of a rotation once, and tells when the next one is due', () => {
  const { rotationGuests, nextRotation } = census({
    rotations: [
      { succeeded: 5, drifted: 1, waiting: 2, active: 1, nextRotationTime: '2026-02-01T00:00:00Z' },
      { succeeded: 1, drifted: 0, parked: 3, nextRotationTime: '2026-01-15T00:00:00Z' },
      {},
    ],
  });

  expect(Object.fromEntries(rotationGuests())).toEqual({ rotated: 5, waiting: 2, active: 1, parked: 3, drifted: 1 });
  expect(nextRotation()).toBe(Date.parse('2026-01-15T00:00:00Z'));
  expect(census({}).nextRotation()).toBeUndefined();
});
