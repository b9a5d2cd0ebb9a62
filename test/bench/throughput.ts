import { setTimeout as delay } from 'node:timers/promises';
import type { ExecJobs } from './exec-jobs.ts';
import type { Peer, Peers } from './peers.ts';
import { cpuMs, type Timed } from './process-usage.ts';
import { fleet, type Stage } from './stage.ts';

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
  /** The operator's, as jobs of one guest each. */
  single: ThroughputRound[];
  /** The operator's, as jobs of all guests. */
  fleet: ThroughputRound[];
  script: ThroughputRound[];
  /** Empty where Ansible can't be had. */
  ansible: ThroughputRound[];
  client: ThroughputRound[];
}

const rounds = 3;
export const runsPerGuest = 20;
/** What one way leaves to do shall not burden the next. */
const settleMs = 2000;

export async function measureThroughput(
  stage: Stage,
  jobs: ExecJobs,
  { script, ansible, client }: Peers,
  signal: AbortSignal,
): Promise<Throughput> {
  const { manager, agent, guests } = stage;
  const runs = guests.length * runsPerGuest;
  const libvirtd = stage.hypervisor.libvirtdPid();
  const qemu = guests.map((guest) => guest.qemuPid());

  async function round(work: () => Promise<Timed>): Promise<ThroughputRound> {
    const used = () => ({ api: cpuMs(...apiPids(stage)), libvirtd: cpuMs(libvirtd), guests: cpuMs(...qemu) });
    const before = used();
    const { wallMs, cpuMs: own } = await work();
    const after = used();
    const perRun = (part: keyof typeof before) => (after[part] - before[part]) / runs;
    return {
      perSecond: (runs / wallMs) * 1000,
      cost: {
        own: own / runs,
        api: perRun('api'),
        libvirtd: perRun('libvirtd'),
        guests: perRun('guests'),
      },
    };
  }
  async function byJobs(targets: Parameters<ExecJobs['run']>[0][]): Promise<ThroughputRound> {
    const result = await round(async () => {
      const before = cpuMs(manager.pid, agent.pid);
      const started = performance.now();
      await Promise.all(targets.map((target) => jobs.run(target)));
      return { wallMs: performance.now() - started, cpuMs: cpuMs(manager.pid, agent.pid) - before };
    });
    await stage.removeJobs();
    await delay(settleMs);
    return result;
  }
  const byPeer = (peer: Peer) => round(() => peer.allAtOnce(guests, runsPerGuest));

  const each = Array.from({ length: runsPerGuest }, () => guests.map(({ name }) => ({ guestName: name }))).flat();
  const all = Array.from({ length: runsPerGuest }, () => ({ selector: { matchLabels: fleet } }));
  const result: Throughput = { single: [], fleet: [], script: [], ansible: [], client: [] };
  for (let i = 0; i < rounds; i++) {
    signal.throwIfAborted();
    result.client.push(await byPeer(client));
    result.single.push(await byJobs(each));
    result.script.push(await byPeer(script));
    result.fleet.push(await byJobs(all));
    if (ansible) result.ansible.push(await byPeer(ansible));
  }
  return result;
}

function apiPids(stage: Stage): number[] {
  const { apiServer, etcd } = stage.controlPlane().pids();
  return [apiServer, etcd].filter((pid) => pid !== undefined);
}
