import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  apiVersion,
  type Guest,
  type GuestTask,
  guestExecJobs,
  guests as guestKind,
  guestTasks,
} from '../../src/api/resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { eventually } from '../harness/eventually.ts';
import { startManager } from '../harness/operator.ts';
import { run } from '../harness/run.ts';
import { startService } from '../harness/service.ts';
import { baseManifests } from '../harness/vitest/shared.ts';
import { watchExecJobs } from './exec-jobs.ts';
import type { Bench, Part } from './part.ts';
import { forgetPeakOf, memoryOf } from './process-usage.ts';
import { mebibytes, type Row, times } from './report.ts';
import { median } from './statistics.ts';

const hosts = 20;
const guestsPerHost = 50;
const targets = hosts * guestsPerHost;
const rounds = 3;
const namespace = 'default';
const target = { selector: { matchLabels: { fleet: 'simulated' } } };
const settleMs = 5000;
const bareTimeoutMs = 60_000;
const startTimeoutMs = 120_000;

interface FleetRun {
  perSecond: number[];
  ceilingPerSecond: number[];
  /** Writes to tasks, for one target. */
  writes: number;
  /** Of the manager, in MiB: without guests, with them, and at most in the jobs. */
  memory: { empty: number; idle: number; peak: number };
}

/** Scale, on simulated guests: a real API server, a real manager, and real agents of hosts that are simulated. */
export const fleetPart: Part = {
  name: 'fleet',
  async measure(bench) {
    return rows(await measureFleet(bench));
  },
};

async function measureFleet({ dir, tell: { step }, signal }: Bench): Promise<FleetRun> {
  const started: { stop(): Promise<void> }[] = [];
  const keep = async <T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    started.push(await part);
    return part;
  };
  try {
    const controlPlane = await step('starting a control plane of its own', () =>
      keep(startControlPlane({ dir: join(dir, 'fleet'), manifests: baseManifests, signal })),
    );
    const { kubeconfig } = controlPlane;
    const cluster = new HttpCluster({
      endpoint: await loadEndpoint(kubeconfig, systemClock),
      random: systemRandom.next,
    });
    started.push({ stop: () => cluster.close() });
    const manager = await keep(startManager({ kubeconfig, dir, name: 'fleet-manager' }));
    await manager.waitReady();
    await delay(settleMs);
    const empty = memoryOf(manager.pid).resident;
    const agents = await step(`(j) starting ${hosts} agents of ${guestsPerHost} simulated guests each`, async () => {
      const service = await keep(
        startService({
          name: 'the simulated agents',
          command: process.execPath,
          args: [join(import.meta.dirname, 'simulated-agents.ts'), kubeconfig, String(hosts), String(guestsPerHost)],
          logFile: join(dir, 'simulated-agents.log'),
        }),
      );
      await eventually(() => allAnswer(cluster), {
        what: `${targets} Guests whose agents answer`,
        timeoutMs: startTimeoutMs,
        intervalMs: 1000,
        signal,
        hint: () => service.logTail(),
      });
      await delay(settleMs);
      return service;
    });
    const idle = memoryOf(manager.pid).resident;
    forgetPeakOf(manager.pid);

    const jobs = await watchExecJobs(kubeconfig);
    const perSecond: number[] = [];
    const writesBefore = await taskWrites(controlPlane);
    let ended: GuestTask[] = [];
    let writes = 0;
    await step(`(j) ${rounds} jobs of ${targets} guests each, one after the other`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        signal.throwIfAborted();
        const begun = performance.now();
        await jobs.run(target, { parallelism: '100%' });
        perSecond.push((targets / (performance.now() - begun)) * 1000);
        if (round === rounds - 1) {
          writes = ((await taskWrites(controlPlane)) - writesBefore) / targets / rounds;
          ended = (await cluster.list(guestTasks, { namespace })).items.slice(0, targets);
        }
        await removeAll(controlPlane, [guestExecJobs.plural, guestTasks.plural]);
      }
    });
    await jobs.close();
    const { peak } = memoryOf(manager.pid);
    await agents.stop();
    await manager.stop();

    const ceilingPerSecond: number[] = [];
    await step(`(j) the writes of ${targets} tasks by a bare client, ${rounds} times`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        signal.throwIfAborted();
        const output = await run(
          process.execPath,
          [join(import.meta.dirname, 'bare-writes.ts'), kubeconfig, String(round)],
          { input: JSON.stringify(ended), timeoutMs: bareTimeoutMs },
        );
        const { wallMs } = JSON.parse(output) as { wallMs: number };
        ceilingPerSecond.push((targets / wallMs) * 1000);
        await removeAll(controlPlane, [guestTasks.plural]);
      }
    });
    return { perSecond, ceilingPerSecond, writes, memory: { empty, idle, peak } };
  } finally {
    for (const part of started.toReversed()) await part.stop();
  }
}

async function allAnswer(cluster: HttpCluster): Promise<boolean> {
  const answers = ({ status }: Guest) =>
    status?.conditions?.some(({ type, status: is }) => type === 'AgentConnected' && is === 'True') === true &&
    status.agent?.version !== undefined;
  return (await cluster.list(guestKind, { namespace })).items.filter(answers).length === targets;
}

/** How many writes of GuestTasks the API server has served so far, refused ones included. */
async function taskWrites({ kubectl }: ControlPlane): Promise<number> {
  const metrics = await kubectl('get', '--raw', '/metrics');
  let count = 0;
  for (const [line, value] of metrics.matchAll(/^apiserver_request_total\{.*\} (\S+)$/gm)) {
    if (/resource="guesttasks"/.test(line) && /verb="(POST|PUT|PATCH)"/.test(line)) count += Number(value);
  }
  return count;
}

async function removeAll({ kubectl }: ControlPlane, plurals: readonly string[]): Promise<void> {
  for (const plural of plurals) {
    await kubectl('delete', '--raw', `/apis/${apiVersion}/namespaces/${namespace}/${plural}`);
  }
  await delay(settleMs);
}

function rows({ perSecond, ceilingPerSecond, writes, memory }: FleetRun): Row[] {
  const ratio = median(perSecond) / median(ceilingPerSecond);
  return [
    {
      what: `(j) commands completed per second in ${targets} simulated guests of ${hosts} hosts; their writes by a bare client`,
      operator: median(perSecond).toFixed(0),
      client: median(ceilingPerSecond).toFixed(0),
      aim: `≥ 0.6 × bare client: ${times(ratio)}`,
      met: ratio >= 0.6,
    },
    { what: '(j) API writes per guest', operator: writes.toFixed(2), aim: '3', met: writes < 3.05 },
    {
      what: `(j) memory of the manager: without guests / with ${targets} / peak in jobs of all of them`,
      operator: mebibytes(memory.empty, memory.idle, memory.peak),
    },
  ];
}
