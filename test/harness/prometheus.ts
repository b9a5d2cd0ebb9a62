import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../src/kube/objects.ts';
import { freePorts } from './control-plane/ports.ts';
import { eventually } from './eventually.ts';
import { rendered } from './helm.ts';
import { harnessPaths } from './paths.ts';
import { run } from './run.ts';
import { startService } from './service.ts';

export interface AlertRule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** What a PrometheusRule and a file of rules have in common. */
export interface Rules {
  groups: { name: string; rules: AlertRule[] }[];
}

export interface Sample {
  metric: Record<string, string>;
  value: number;
}

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: 'pending' | 'firing';
}

export interface ScrapeTarget {
  /** As an OperatorProcess has it. */
  url: string;
  job: string;
  /** What Kubernetes would tell of the pod. */
  labels?: Record<string, string>;
}

export interface PrometheusOptions {
  /** Takes its configuration, its data and its log. */
  dir: string;
  targets: readonly ScrapeTarget[];
  rules: Rules;
}

/** A real Prometheus that scrapes and evaluates each second. */
export interface Prometheus {
  /** The instant vector that an expression gives now. Rejects with Prometheus' own words where it is none. */
  query(expr: string): Promise<Sample[]>;
  /** Alerts that are pending or firing. */
  alerts(): Promise<Alert[]>;
  stop(): Promise<void>;
}

const requestTimeoutMs = 10_000;

/** The alerts that the chart makes of `values`. */
export async function chartRules(prometheusRule: object = {}): Promise<Rules> {
  const objects = await rendered({ metrics: { prometheusRule: { enabled: true, ...prometheusRule } } });
  const found = objects.find((object): object is KubeObject & { spec: Rules } => object.kind === 'PrometheusRule');
  if (!found) throw new Error('the chart renders no PrometheusRule');
  return found.spec;
}

/** Runs promtool and returns what it says; rejects with a CommandError that carries its words. */
export async function promtool(...args: readonly string[]): Promise<string> {
  return await run(join(harnessPaths().prometheus, 'usr/bin/promtool'), args);
}

/** Starts Prometheus on a loopback port; resolves when it answers. */
export async function startPrometheus({ dir, targets, rules }: PrometheusOptions): Promise<Prometheus> {
  await mkdir(dir, { recursive: true });
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const rulesFile = join(dir, 'rules.json');
  const configFile = join(dir, 'prometheus.json');
  // JSON is YAML.
  await writeFile(rulesFile, JSON.stringify(rules));
  await writeFile(
    configFile,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rulesFile],
      scrape_configs: targets.map(({ url, job, labels }, index) => ({
        job_name: String(index),
        static_configs: [{ targets: [new URL(url).host], labels: { job, ...labels } }],
      })),
    }),
  );
  const service = await startService({
    name: 'prometheus',
    command: join(harnessPaths().prometheus, 'usr/bin/prometheus'),
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    logFile: join(dir, 'prometheus.log'),
  });

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`http://${address}/api/v1/${path}`, { signal: AbortSignal.timeout(requestTimeoutMs) });
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(answer.error ?? `prometheus answered ${response.status}`);
    return answer.data;
  }
  const isReady = async () => {
    service.assertRunning();
    return (await fetch(`http://${address}/-/ready`, { signal: AbortSignal.timeout(requestTimeoutMs) })).ok;
  };
  await eventually(isReady, { what: 'prometheus to be ready', timeoutMs: 60_000, hint: () => service.logTail() });
  return {
    async query(expr) {
      type Answer = { result: { metric: Record<string, string>; value: [number, string] }[] };
      const { result } = await ask<Answer>(`query?query=${encodeURIComponent(expr)}`);
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    alerts: async () => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
    stop: () => service.stop(),
  };
}
