import { Counter, Gauge, type Registry } from 'prom-client';

/** What a manager tells Prometheus of its work. */
export interface ManagerMetrics {
  jobEnded(condition: string, reason: string): void;
  observeLeader(leading: () => boolean): void;
}

export function createManagerMetrics(registry: Registry): ManagerMetrics {
  const registers = [registry];
  const jobs = new Counter({
    name: 'qga_exec_jobs_total',
    help: 'GuestExecJobs that ended, by condition and reason.',
    labelNames: ['condition', 'reason'],
    registers,
  });
  return {
    jobEnded: (condition, reason) => jobs.inc({ condition, reason }),
    observeLeader(leading) {
      const leads: Gauge = new Gauge({
        name: 'leader_election_master_status',
        help: '1 while this manager leads.',
        registers: [],
        collect: () => leads.set(leading() ? 1 : 0),
      });
      registry.registerMetric(leads);
    },
  };
}
