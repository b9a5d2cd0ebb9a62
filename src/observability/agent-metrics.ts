import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What an agent tells Prometheus. Nothing is labelled by guest or task: a fleet must not become time series. */
export interface AgentMetrics {
  taskEnded(phase: string, reason: string, seconds: number): void;
  hypervisorConnected(connected: boolean): void;
  guests(total: number, answering: number): void;
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
  const known = new Gauge({ name: 'qga_guests', help: 'Domains of this host.', registers });
  const answering = new Gauge({ name: 'qga_guests_answering', help: 'Domains whose guest agent answers.', registers });
  return {
    taskEnded(phase, reason, seconds) {
      tasks.inc({ phase, reason });
      duration.observe({ phase }, seconds);
    },
    hypervisorConnected: (yes) => connected.set(yes ? 1 : 0),
    guests(total, answer) {
      known.set(total);
      answering.set(answer);
    },
  };
}
