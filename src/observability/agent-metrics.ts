import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { liveGauge } from './live-gauge.ts';

/** One call of a guest's agent that ended. */
export interface AgentCall {
  command: string;
  seconds: number;
  /** Why it failed. */
  code?: string | undefined;
}

/** What there is to see on a host. */
export interface HostView {
  /** Guests, by the state of their agent; none left out. */
  guests: Readonly<Record<string, number>>;
  /** For how long the guest has been frozen that has been for longest; 0 while none is. */
  longestFrozenSeconds: number;
  /** Guests of which nobody knows whether they are frozen. */
  thawsOwed: number;
  /** Tasks that are not over. */
  tasks: readonly { action: string; phase: string; count: number }[];
}

/** What an agent tells Prometheus. Nothing is labelled by guest or task: a fleet must not become time series. */
export interface AgentMetrics {
  taskStarted(action: string): void;
  taskEnded(task: { action: string; phase: string; reason: string; seconds: number }): void;
  agentCalled(call: AgentCall): void;
  hypervisorConnected(connected: boolean): void;
  channelRepaired(succeeded: boolean): void;
  /** A guest was thawed that had been frozen for so long. */
  thawed(seconds: number): void;
  /** Looks at the host whenever Prometheus asks. */
  observeHost(look: () => HostView): void;
}

/** `actions`: what tasks may do. */
export function createAgentMetrics(registry: Registry, actions: readonly string[]): AgentMetrics {
  const registers = [registry];
  const started = new Counter({
    name: 'qga_tasks_started_total',
    help: 'Tasks that this host took on, by action.',
    labelNames: ['action'],
    registers,
  });
  const ended = new Counter({
    name: 'qga_tasks_ended_total',
    help: 'Tasks that ended on this host, by action, phase and reason.',
    labelNames: ['action', 'phase', 'reason'],
    registers,
  });
  const duration = new Histogram({
    name: 'qga_task_duration_seconds',
    help: 'From the claim of a task to its end, by action.',
    labelNames: ['action'],
    buckets: [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
    registers,
  });
  // The first of its kind must be seen to be an increase.
  for (const action of actions) {
    started.inc({ action }, 0);
    duration.zero({ action });
  }
  const calls = new Histogram({
    name: 'qga_guest_agent_call_duration_seconds',
    help: 'How long a guest agent took to answer or to fail, by command. Waiting for the guest to be free is not in it.',
    labelNames: ['command'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const failures = new Counter({
    name: 'qga_guest_agent_call_failures_total',
    help: 'Calls of guest agents that failed, by command and code.',
    labelNames: ['command', 'code'],
    registers,
  });
  const connected = new Gauge({
    name: 'qga_libvirt_connected',
    help: '1 while libvirt can be reached.',
    registers,
  });
  const repairs = new Counter({
    name: 'qga_channel_repairs_total',
    help: 'Broken agent channels that were plugged in anew, by whether it could be done.',
    labelNames: ['result'],
    registers,
  });
  const frozen = new Histogram({
    name: 'qga_frozen_seconds',
    help: 'How long guests were frozen, from the answer to the freeze to the answer to the thaw.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200],
    registers,
  });
  return {
    taskStarted: (action) => started.inc({ action }),
    taskEnded({ action, phase, reason, seconds }) {
      ended.inc({ action, phase, reason });
      duration.observe({ action }, seconds);
    },
    agentCalled({ command, seconds, code }) {
      calls.observe({ command }, seconds);
      if (code !== undefined) failures.inc({ command, code });
    },
    channelRepaired: (succeeded) => repairs.inc({ result: succeeded ? 'success' : 'error' }),
    thawed: (seconds) => frozen.observe(seconds),
    hypervisorConnected: (yes) => connected.set(yes ? 1 : 0),
    observeHost: (look) => observeHost(registry, look),
  };
}

function observeHost(registry: Registry, look: () => HostView): void {
  liveGauge(registry, {
    name: 'qga_guests',
    help: 'Guests of this host, by the state of their agent. Each guest is in one.',
    labelNames: ['state'],
    read: () => Object.entries(look().guests).map(([state, value]) => ({ labels: { state }, value })),
  });
  liveGauge(registry, {
    name: 'qga_tasks',
    help: 'Tasks of this host that are not over, by action and phase.',
    labelNames: ['action', 'phase'],
    read: () => look().tasks.map(({ action, phase, count }) => ({ labels: { action, phase }, value: count })),
  });
  liveGauge(registry, {
    name: 'qga_longest_frozen_seconds',
    help: 'For how long the guest has been frozen that has been for longest, by whomever; 0 while none is.',
    read: () => [{ value: look().longestFrozenSeconds }],
  });
  liveGauge(registry, {
    name: 'qga_thaws_owed',
    help: 'Guests that may be frozen by this operator and could not be thawed yet.',
    read: () => [{ value: look().thawsOwed }],
  });
}
