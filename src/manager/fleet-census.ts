import type { FsFreezeWindow, GuestExecJob, PasswordRotation } from '../api/resources.ts';
import type { FleetView } from '../observability/manager-metrics.ts';
import type { Fleet } from './fleet.ts';

export interface FleetCensusOptions {
  fleet: Pick<Fleet, 'hostsReady' | 'thawsOwed'>;
  jobs: { list(): GuestExecJob[] };
  windows: { list(): FsFreezeWindow[] };
  rotations: { list(): PasswordRotation[] };
}

/** Of what is not over. */
const jobPhases = ['Waiting', 'Running', 'Suspended'];
const windowPhases = ['Pending', 'Preparing', 'Frozen', 'Thawing'];
const schedulePhases = ['Scheduled', 'Suspended', 'Failed'];

/** Counts what there is, as the API server shows it. */
export function createFleetCensus({ fleet, jobs, windows, rotations }: FleetCensusOptions): FleetView {
  const windowsWhere = (isScheduled: boolean) =>
    windows.list().filter(({ spec }) => (spec.schedule !== undefined) === isScheduled);
  const openJobs = () => jobs.list().filter(({ status }) => status?.completionTime === undefined);
  return {
    hostsReady: fleet.hostsReady,
    thawsOwed: fleet.thawsOwed,
    // What has no phase has not been looked at yet.
    jobs: () => countEach(jobPhases, openJobs(), ({ status }) => status?.phase ?? 'Waiting'),
    jobGuests() {
      const open = openJobs();
      return new Map([
        ['waiting', sum(open, ({ status }) => status?.waiting)],
        ['active', sum(open, ({ status }) => status?.active)],
      ]);
    },
    windows: () => countEach(windowPhases, windowsWhere(false), ({ status }) => status?.phase ?? 'Pending'),
    schedules: () => countEach(schedulePhases, windowsWhere(true), ({ status }) => status?.phase ?? 'Scheduled'),
    rotationGuests() {
      const all = rotations.list();
      const drifted = sum(all, ({ status }) => status?.drifted);
      return new Map([
        ['rotated', sum(all, ({ status }) => status?.succeeded) - drifted],
        ['waiting', sum(all, ({ status }) => status?.waiting)],
        ['active', sum(all, ({ status }) => status?.active)],
        ['parked', sum(all, ({ status }) => status?.parked)],
        ['drifted', drifted],
      ]);
    },
    nextRotation() {
      const times = rotations.list().flatMap(({ status }) => status?.nextRotationTime ?? []);
      return times.length > 0 ? Math.min(...times.map(Date.parse)) : undefined;
    },
  };
}

function countEach<T>(names: readonly string[], objects: readonly T[], nameOf: (object: T) => string) {
  const counts = new Map(names.map((name) => [name, 0]));
  for (const object of objects) {
    const count = counts.get(nameOf(object));
    if (count !== undefined) counts.set(nameOf(object), count + 1);
  }
  return counts;
}

function sum<T>(objects: readonly T[], numberOf: (object: T) => number | undefined): number {
  let total = 0;
  for (const object of objects) total += numberOf(object) ?? 0;
  return total;
}
