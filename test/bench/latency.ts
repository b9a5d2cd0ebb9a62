import type { TestGuest } from '../harness/hypervisor/guest.ts';
import type { ExecJobs } from './exec-jobs.ts';
import type { Peers } from './peers.ts';

/** How many milliseconds each run took, by each way of running. */
export interface Latency {
  operator: number[];
  script: number[];
  /** Empty where Ansible can't be had. */
  ansible: number[];
  client: number[];
}

const rounds = 10;
const runsPerRound = 4;
const warmUpRuns = 3;

/** Runs `true` in one guest, one run after the other, all ways in turns: what disturbs one disturbs all. */
export async function measureLatency(jobs: ExecJobs, peers: Peers, guest: TestGuest): Promise<Latency> {
  const latency: Latency = { operator: [], script: [], ansible: [], client: [] };
  async function round(runs: number): Promise<void> {
    latency.client.push(...(await peers.client.oneByOne(guest, runs)));
    latency.operator.push(...(await jobsOneByOne(jobs, guest.name, runs)));
    latency.script.push(...(await peers.script.oneByOne(guest, runs)));
    latency.ansible.push(...((await peers.ansible?.oneByOne(guest, runs)) ?? []));
  }
  await round(warmUpRuns);
  for (const took of Object.values(latency)) took.length = 0;
  for (let i = 0; i < rounds; i++) await round(runsPerRound);
  return latency;
}

async function jobsOneByOne(jobs: ExecJobs, guest: string, runs: number): Promise<number[]> {
  const took: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await jobs.run({ guestName: guest });
    took.push(performance.now() - started);
  }
  return took;
}
