import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What an agent tells Prometheus. Nothing is labelled by guest or task: a fleet must not become time series. */
export interface AgentMetrics {
  taskEnded(phase: string, reason: string, seconds: number): void;
  hypervisorConnected(connected: boolean): void;
  /** Counts the guests whenever Prometheus asks. */
  observeGuests(count: () => { total: number; agentConnected: number }): void;
}

export function createAgentMetrics(registry: Registry): AgentMetrics {
  const registers = [registry];
  const tasks = new Counter({
    name: 'qga_tasks_total',
    help: 'Tasks that ended on this node, by phase and reason.',
    labelNames: ['phase', 'reason'],
    registers,
  });
  const duration = new Histogram({
    name: 'qga_task_duration_seconds',
    help: 'From the claim of a task to its end.',
    labelNames: ['phase'],
    buckets: [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
    registers,
  });
  const connected = new Gauge({
    name: 'qga_libvirt_connected',
    help: '1 while libvirt can be reached.',
    registers,
  });
  return {
    taskEnded(phase, reason, seconds) {
      tasks.inc({ phase, reason });
      duration.observe({ phase }, seconds);
    },
    hypervisorConnected: (yes) => connected.set(yes ? 1 : 0),
    observeGuests(count) {
      const guests: Gauge = new Gauge({
        name: 'qga_guests',
        help: 'Domains of this host, by whether their guest agent answers.',
        labelNames: ['agent'],
        registers: [],
        collect() {
          const { total, agentConnected } = count();
          guests.set({ agent: 'answers' }, agentConnected);
          guests.set({ agent: 'silent' }, total - agentConnected);
        },
      });
      registry.registerMetric(guests);
    },
  };
}
