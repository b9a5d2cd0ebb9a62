import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from './control-plane/ports.ts';
import { eventually } from './eventually.ts';
import { type Service, startService } from './service.ts';

/** A manager or an agent under test: the real program in a process of its own. */
export interface OperatorProcess {
  readonly pid: number;
  /** Where `/metrics`, `/healthz` and `/readyz` are. */
  readonly url: string;
  running(): boolean;
  /** "exit code 1", "SIGKILL" or undefined while it runs. */
  outcome(): string | undefined;
  /** Resolves when `/readyz` answers 200. */
  waitReady(timeoutMs?: number): Promise<void>;
  /** SIGKILL unless told otherwise; resolves when the process has ended, if the signal ends it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again with the same arguments, after killing it where it still runs. */
  restart(): Promise<void>;
  /** SIGTERM, and a grace to end by itself. */
  stop(): Promise<void>;
  /** Everything it logged, over all restarts: one object per line, lines that are no JSON as `{ msg }`. */
  logs(): LogLine[];
  metrics(): Promise<string>;
}

export interface LogLine extends Record<string, unknown> {
  level?: string;
  msg?: string;
}

export interface ProcessOptions {
  kubeconfig: string;
  /** Takes its log, and the agent's journal. */
  dir: string;
  /** Name of the log file, where several run in one folder. Default: the subcommand. */
  name?: string;
  /** Further flags. */
  args?: readonly string[];
  env?: Record<string, string>;
}

export interface AgentOptions extends ProcessOptions {
  libvirtUri: string;
  nodeName: string;
  /** Default: a folder in `dir`, the same for the same node. */
  stateDir?: string;
  /** Default `default`. */
  defaultNamespace?: string;
}

const repository = join(import.meta.dirname, '../..');
const readyTimeoutMs = 60_000;
const metricsTimeoutMs = 5000;

/** Starts `qga-operator manager`; doesn't wait for it to be ready. Its namespace `qga-system` has to exist. */
export async function startManager(options: ProcessOptions): Promise<OperatorProcess> {
  return startOperator('manager', options, []);
}

/** Starts `qga-operator agent`; doesn't wait for it to be ready. */
export async function startAgent(options: AgentOptions): Promise<OperatorProcess> {
  const {
    libvirtUri,
    nodeName,
    dir,
    stateDir = join(dir, `state-${nodeName}`),
    defaultNamespace = 'default',
  } = options;
  return startOperator('agent', options, [
    `--node-name=${nodeName}`,
    `--libvirt-uri=${libvirtUri}`,
    `--state-dir=${stateDir}`,
    `--default-namespace=${defaultNamespace}`,
  ]);
}

async function startOperator(
  subcommand: string,
  { kubeconfig, dir, name = subcommand, args = [], env = {} }: ProcessOptions,
  own: readonly string[],
): Promise<OperatorProcess> {
  mkdirSync(dir, { recursive: true });
  const logFile = join(dir, `${name}.log`);
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const url = `http://${address}`;
  const common = [`--kubeconfig=${kubeconfig}`, `--metrics-address=${address}`];

  async function launch(): Promise<Service> {
    return startService({
      name,
      command: process.execPath,
      args: [program(), subcommand, ...common, ...own, ...args],
      logFile,
      env: { NODE_ENV: 'production', ...env },
    });
  }
  let service = await launch();

  async function fetchText(path: string): Promise<Response> {
    return fetch(`${url}${path}`, { signal: AbortSignal.timeout(metricsTimeoutMs) });
  }
  return {
    get pid() {
      return service.pid;
    },
    url,
    running: () => service.running(),
    outcome: () => service.outcome(),
    async waitReady(timeoutMs = readyTimeoutMs) {
      async function ready(): Promise<boolean> {
        service.assertRunning();
        return (await fetchText('/readyz')).ok;
      }
      await eventually(ready, { what: `the ${name} to be ready`, timeoutMs, hint: () => service.logTail() });
    },
    kill: (signal) => service.kill(signal),
    async restart() {
      await service.kill();
      service = await launch();
    },
    stop: () => service.stop(),
    logs: () => readFileSync(logFile, 'utf8').split('\n').filter(Boolean).map(parseLogLine),
    metrics: async () => (await fetchText('/metrics')).text(),
  };
}

/** The sources as they are, or with QGA_HARNESS_DIST=1 what `npm run build` made of them. */
function program(): string {
  if (process.env['QGA_HARNESS_DIST'] !== '1') return join(repository, 'src/main.ts');
  const built = join(repository, 'dist/qga-operator.js');
  if (!existsSync(built)) throw new Error('QGA_HARNESS_DIST=1 needs `make build` first');
  return built;
}

function parseLogLine(line: string): LogLine {
  try {
    const parsed: LogLine = JSON.parse(line);
    return parsed;
  } catch {
    return { msg: line };
  }
}
