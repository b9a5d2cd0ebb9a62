import type { TestGuest } from '../harness/hypervisor/guest.ts';
import type { ExecJobs } from './exec-jobs.ts';
import type { Peer } from './peers.ts';

/** How many milliseconds each run took, by each way of running. */
export interface Latency {
  operator: number[];
  script: number[];
  client: number[];
}

const rounds = 10;
const runsPerRound = 4;
const warmUpRuns = 3;

/** Runs `true` in one guest, one run after the other, the three ways in turns: what disturbs one disturbs all. */
export async function measureLatency(jobs: ExecJobs, script: Peer, client: Peer, guest: TestGuest): Promise<Latency> {
  const latency: Latency = { operator: [], script: [], client: [] };
  async function round(runs: number): Promise<void> {
    latency.client.push(...(await client.oneByOne(guest.uuid, runs)));
    latency.operator.push(...(await jobsOneByOne(jobs, guest.name, runs)));
    latency.script.push(...(await script.oneByOne(guest.uuid, runs)));
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
    await jobs.run(guest);
    took.push(performance.now() - started);
  }
  return took;
}
