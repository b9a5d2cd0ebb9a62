import { Gauge, type Registry } from 'prom-client';

export interface LiveGaugeOptions {
  name: string;
  help: string;
  labelNames?: readonly string[];
  /** All there is to say at this moment: what is left out is gone. */
  read(): Iterable<{ labels?: Record<string, string>; value: number }>;
}

/** A gauge that is read whenever Prometheus asks. */
export function liveGauge(registry: Registry, options: LiveGaugeOptions): void {
  const { name, help, labelNames = [], read } = options;
  const gauge = new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      gauge.reset();
      for (const { labels = {}, value } of read()) gauge.set(labels, value);
    },
  });
  registry.registerMetric(gauge);
}
