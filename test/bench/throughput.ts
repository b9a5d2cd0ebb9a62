import { setTimeout as delay } from 'node:timers/promises';
import type { ExecJobs } from './exec-jobs.ts';
import type { Peer } from './peers.ts';
import { cpuMs, type Timed } from './process-usage.ts';
import type { Stage } from './stage.ts';

/** CPU milliseconds per run. */
export interface Cost {
  /** Of what was started for it: the operator's programs, the script's, the client. */
  own: number;
  /** Of kube-apiserver and etcd. */
  api: number;
  libvirtd: number;
  /** Of QEMU. */
  guests: number;
}

/** One way of running `true` 20 times in each of the guests, all guests at once. */
export interface ThroughputRound {
  perSecond: number;
  cost: Cost;
}

export interface Throughput {
  operator: ThroughputRound[];
  script: ThroughputRound[];
  client: ThroughputRound[];
}

const rounds = 3;
const runsPerGuest = 20;
/** What one way leaves to do shall not burden the next. */
const settleMs = 2000;

export async function measureThroughput(stage: Stage, jobs: ExecJobs, script: Peer, client: Peer): Promise<Throughput> {
  const uuids = stage.guests.map(({ uuid }) => uuid);
  const names = stage.guests.map(({ name }) => name);
  const queue = Array.from({ length: runsPerGuest }, () => names).flat();
  const { manager, agent } = stage;
  const libvirtd = stage.hypervisor.libvirtdPid();
  const qemu = stage.guests.map((guest) => guest.qemuPid());

  async function round(work: () => Promise<Timed>): Promise<ThroughputRound> {
    const used = () => ({ api: cpuMs(...apiPids(stage)), libvirtd: cpuMs(libvirtd), guests: cpuMs(...qemu) });
    const before = used();
    const { wallMs, cpuMs: own } = await work();
    const after = used();
    const perRun = (part: keyof typeof before) => (after[part] - before[part]) / queue.length;
    return {
      perSecond: (queue.length / wallMs) * 1000,
      cost: {
        own: own / queue.length,
        api: perRun('api'),
        libvirtd: perRun('libvirtd'),
        guests: perRun('guests'),
      },
    };
  }
  async function allJobs(): Promise<Timed> {
    const before = cpuMs(manager.pid, agent.pid);
    const started = performance.now();
    await Promise.all(queue.map((name) => jobs.run(name)));
    return { wallMs: performance.now() - started, cpuMs: cpuMs(manager.pid, agent.pid) - before };
  }

  const result: Throughput = { operator: [], script: [], client: [] };
  for (let i = 0; i < rounds; i++) {
    result.client.push(await round(() => client.allAtOnce(uuids, runsPerGuest)));
    result.operator.push(await round(allJobs));
    await stage.removeJobs();
    await delay(settleMs);
    result.script.push(await round(() => script.allAtOnce(uuids, runsPerGuest)));
  }
  return result;
}

function apiPids(stage: Stage): number[] {
  const { apiServer, etcd } = stage.controlPlane().pids();
  return [apiServer, etcd].filter((pid) => pid !== undefined);
}
