import { Counter, Histogram, type Registry } from 'prom-client';
import { liveGauge } from './live-gauge.ts';

type Counts = ReadonlyMap<string, number>;

/** What a manager sees of the fleet. Whether it leads or waits to, it sees the same. */
export interface FleetView {
  /** By host, 1 while its agent is heard and reaches libvirt, else 0: there are as many hosts as hypervisors. */
  hostsReady(): Counts;
  /** By host, guests of which nobody knows whether they are thawed. */
  thawsOwed(): Counts;
  /** GuestExecJobs that are not over, by phase. */
  jobs(): Counts;
  /** The guests of those jobs, by how far they are. */
  jobGuests(): Counts;
  /** FsFreezeWindows that are not over, by phase. */
  windows(): Counts;
  /** FsFreezeWindows with a schedule, by phase. */
  schedules(): Counts;
  /** Guests of all PasswordRotations, by how they stand. */
  rotationGuests(): Counts;
  /** When the next guest is due, in milliseconds since the epoch. */
  nextRotation(): number | undefined;
}

/** How an FsFreezeWindow ended; `frozenSeconds` is how long all its guests were frozen, where they were. */
export interface EndedWindow {
  phase: string;
  reason: string;
  verdict: string;
  frozenSeconds?: number | undefined;
}

/** What a manager tells Prometheus of its work. */
export interface ManagerMetrics {
  jobEnded(condition: string, reason: string): void;
  freezeWindowEnded(end: EndedWindow): void;
  freezeWindowMissed(): void;
  rotated(result: string, reason: string): void;
  observeLeader(lease: string, leading: () => boolean): void;
  /** Looks at the fleet whenever Prometheus asks. */
  observeFleet(fleet: FleetView): void;
}

export function createManagerMetrics(registry: Registry): ManagerMetrics {
  const registers = [registry];
  const jobs = new Counter({
    name: 'qga_exec_jobs_ended_total',
    help: 'GuestExecJobs that ended, by condition and reason.',
    labelNames: ['condition', 'reason'],
    registers,
  });
  const windows = new Counter({
    name: 'qga_freeze_windows_ended_total',
    help: 'FsFreezeWindows that ended, by phase and verdict.',
    labelNames: ['phase', 'verdict'],
    registers,
  });
  // The first failure must be seen to be an increase.
  for (const phase of ['Completed', 'Failed'])
    for (const verdict of ['Consistent', 'CrashConsistent', 'ConsistencyLost', 'Skipped'])
      windows.inc({ phase, verdict }, 0);
  const windowFailures = new Counter({
    name: 'qga_freeze_window_failures_total',
    help: 'FsFreezeWindows that failed, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const missedWindows = new Counter({
    name: 'qga_freeze_windows_missed_total',
    help: 'Instants of schedules for which no FsFreezeWindow was made.',
    registers,
  });
  const frozenSeconds = new Histogram({
    name: 'qga_freeze_window_frozen_seconds',
    help: 'How long all guests of an FsFreezeWindow were frozen.',
    buckets: [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600],
    registers,
  });
  const rotations = new Counter({
    name: 'qga_password_rotations_total',
    help: 'Attempts to rotate a password that ended, by result and reason.',
    labelNames: ['result', 'reason'],
    registers,
  });
  return {
    jobEnded: (condition, reason) => jobs.inc({ condition, reason }),
    freezeWindowEnded(end) {
      windows.inc({ phase: end.phase, verdict: end.verdict });
      if (end.phase === 'Failed') windowFailures.inc({ reason: end.reason });
      if (end.frozenSeconds !== undefined) frozenSeconds.observe(end.frozenSeconds);
    },
    freezeWindowMissed: () => missedWindows.inc(),
    rotated: (result, reason) => rotations.inc({ result, reason }),
    observeLeader: (lease, leading) =>
      liveGauge(registry, {
        name: 'leader_election_master_status',
        help: '1 while this manager leads.',
        labelNames: ['name'],
        read: () => [{ labels: { name: lease }, value: leading() ? 1 : 0 }],
      }),
    observeFleet: (fleet) => observeFleet(registry, fleet),
  };
}

function observeFleet(registry: Registry, fleet: FleetView): void {
  const by = (label: string, name: string, help: string, read: () => Counts) =>
    liveGauge(registry, {
      name,
      help,
      labelNames: [label],
      read: () => [...read()].map(([key, value]) => ({ labels: { [label]: key }, value })),
    });
  by('host', 'qga_host_ready', "1 while a host's agent is heard and reaches libvirt.", fleet.hostsReady);
  by(
    'host',
    'qga_host_thaws_owed',
    'Guests of a host of which nobody knows whether they are thawed, as the API server shows it.',
    fleet.thawsOwed,
  );
  by('phase', 'qga_exec_jobs', 'GuestExecJobs that are not over, by phase.', fleet.jobs);
  by('state', 'qga_exec_job_guests', 'Guests of those jobs, by how far they are.', fleet.jobGuests);
  by('phase', 'qga_freeze_windows', 'FsFreezeWindows that are not over, by phase.', fleet.windows);
  by('phase', 'qga_freeze_schedules', 'FsFreezeWindows with a schedule, by phase.', fleet.schedules);
  by('state', 'qga_password_rotation_guests', 'Guests of PasswordRotations, by how they stand.', fleet.rotationGuests);
  liveGauge(registry, {
    name: 'qga_password_rotation_next_timestamp_seconds',
    help: 'When the next guest is due for a new password, in seconds since the epoch; 0 while none will be.',
    read: () => [{ value: (fleet.nextRotation() ?? 0) / 1000 }],
  });
}
