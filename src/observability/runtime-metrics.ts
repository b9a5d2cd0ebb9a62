import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { version } from '../version.ts';

/** What both processes tell of their own works, under the names controller-runtime made customary. */
export interface RuntimeMetrics {
  registry: Registry;
  reconciled(controller: string, result: string, seconds: number): void;
  watchRestarted(resource: string, reason: string): void;
  /** Reads the queues' lengths whenever Prometheus asks. */
  observeQueues(controllers: readonly { name: string; queueLength: number }[]): void;
}

export function createRuntimeMetrics(): RuntimeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({ name: 'qga_build_info', help: 'Always 1.', labelNames: ['version'], registers }).set({ version }, 1);
  const total = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles, by controller and result.',
    labelNames: ['controller', 'result'],
    registers,
  });
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'How long a reconcile took.',
    labelNames: ['controller'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60],
    registers,
  });
  const restarts = new Counter({
    name: 'qga_watch_restarts_total',
    help: 'Lists and watches that failed and were begun again.',
    labelNames: ['resource', 'reason'],
    registers,
  });
  return {
    registry,
    reconciled(controller, result, seconds) {
      total.inc({ controller, result });
      time.observe({ controller }, seconds);
    },
    watchRestarted: (resource, reason) => restarts.inc({ resource, reason }),
    observeQueues(controllers) {
      const depth = new Gauge({
        name: 'workqueue_depth',
        help: 'Keys that wait to be reconciled.',
        labelNames: ['name'],
        registers: [],
        collect() {
          for (const { name, queueLength } of controllers) depth.set({ name }, queueLength);
        },
      });
      registry.registerMetric(depth);
    },
  };
}
