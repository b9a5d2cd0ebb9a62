import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { version } from '../version.ts';
import { liveGauge } from './live-gauge.ts';

/** What both processes tell of their own works, under the names controller-runtime made customary. */
export interface RuntimeMetrics {
  registry: Registry;
  reconciled(controller: string, result: string, seconds: number): void;
  watchRestarted(resource: string, reason: string): void;
  apiRequested(request: { verb: string; resource: string; code: string; seconds: number }): void;
  /** Reads the queues' lengths whenever Prometheus asks. */
  observeQueues(controllers: readonly { name: string; queueLength: number }[]): void;
}

/** At its default of 10 ms this timer is most of what an idle process costs. */
const eventLoopTimerMs = 100;

export function createRuntimeMetrics(): RuntimeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopTimerMs });
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
  const requests = new Counter({
    name: 'qga_api_requests_total',
    help: 'Requests to the API server that ended, watches apart, by verb, resource and code.',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const requestTime = new Histogram({
    name: 'qga_api_request_duration_seconds',
    help: 'How long a request to the API server took, by verb.',
    labelNames: ['verb'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    registry,
    reconciled(controller, result, seconds) {
      total.inc({ controller, result });
      time.observe({ controller }, seconds);
    },
    watchRestarted: (resource, reason) => restarts.inc({ resource, reason }),
    apiRequested({ verb, resource, code, seconds }) {
      requests.inc({ verb, resource, code });
      requestTime.observe({ verb }, seconds);
    },
    observeQueues(controllers) {
      liveGauge(registry, {
        name: 'workqueue_depth',
        help: 'Keys that wait to be reconciled.',
        labelNames: ['name'],
        read: () => controllers.map(({ name, queueLength }) => ({ labels: { name }, value: queueLength })),
      });
    },
  };
}
