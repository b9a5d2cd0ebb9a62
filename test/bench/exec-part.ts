import { ansibleConnection } from './ansible.ts';
import { watchExecJobs } from './exec-jobs.ts';
import { type Latency, measureLatency } from './latency.ts';
import type { Part } from './part.ts';
import { bareClient, type Peers, virshScript } from './peers.ts';
import { forgetPeakOf, type Memory, memoryOf } from './process-usage.ts';
import { mebibytes, milliseconds, type Row, times } from './report.ts';
import { guestCount, type Stage } from './stage.ts';
import { median, percentile, sum } from './statistics.ts';
import { type Cost, measureThroughput, runsPerGuest, type Throughput, type ThroughputRound } from './throughput.ts';

/** MB are millions of bytes, MiB are what the kernel counts in. */
const megabytesInMebibyte = 1.048576;

/** Commands in guests: how soon, how many, at what cost. */
export const execPart: Part = {
  name: 'exec',
  async measure(bench) {
    const { step, say } = bench.tell;
    const stage = await bench.stage();
    const { dir, hypervisor, guests } = stage;
    const [guest] = guests;
    if (!guest) throw new Error('there is no guest');
    const peers: Peers = {
      script: virshScript(dir, hypervisor.uri),
      ansible: await step("installing Ansible, where it isn't", () => ansibleConnection(hypervisor.uri)).catch(
        (error: unknown) => {
          say(`Ansible is left out: ${String(error)}`);
          return undefined;
        },
      ),
      client: await bareClient(dir, hypervisor.uri),
    };
    const jobs = await watchExecJobs(stage.controlPlane().kubeconfig);
    try {
      const latency = await step('(a) one run after the other, all ways in turns', () =>
        measureLatency(jobs, peers, guest),
      );
      await stage.removeJobs();
      bench.signal.throwIfAborted();
      const idle = memoryOfPrograms(stage);
      for (const { pid } of [stage.agent, stage.manager]) forgetPeakOf(pid);
      const throughput = await step('(b) (f) 160 runs in all guests at once, all ways in turns', () =>
        measureThroughput(stage, jobs, peers, bench.signal),
      );
      const loaded = memoryOfPrograms(stage);
      return [
        ...latencyRows(latency),
        ...throughputRows(throughput),
        ...memoryRows(idle, loaded),
        ...cpuRows(throughput),
      ];
    } finally {
      await jobs.close();
    }
  },
};

interface ProgramMemory {
  agent: Memory;
  manager: Memory;
}

function memoryOfPrograms({ agent, manager }: Stage): ProgramMemory {
  return { agent: memoryOf(agent.pid), manager: memoryOf(manager.pid) };
}

function latencyRows({ operator, script, ansible, client }: Latency): Row[] {
  const ratio = median(operator) / median(client);
  const row = (what: string, share: number): Row => ({
    what,
    operator: milliseconds(percentile(operator, share)),
    script: milliseconds(percentile(script, share)),
    ...(ansible.length > 0 && { ansible: milliseconds(percentile(ansible, share)) }),
    client: milliseconds(percentile(client, share)),
  });
  return [
    { ...row('(a) one job, median', 0.5), aim: `≤ 2.5 × bare client: ${times(ratio)}`, met: ratio <= 2.5 },
    row('(a) one job, 95th percentile', 0.95),
  ];
}

function throughputRows({ single, fleet, script, ansible, client }: Throughput): Row[] {
  const rate = (rounds: readonly ThroughputRound[]) => median(rounds.map(({ perSecond }) => perSecond));
  const against = (own: readonly ThroughputRound[]) => {
    const to = (other: readonly ThroughputRound[]) => rate(own) / rate(other);
    const aims = [
      { least: 0.6, of: 'bare client', ratio: to(client) },
      { least: 1.3, of: 'script', ratio: to(script) },
      ...(ansible.length > 0 ? [{ least: 2, of: 'Ansible', ratio: to(ansible) }] : []),
    ];
    return {
      aim: aims.map(({ least, of, ratio }) => `≥ ${least} × ${of}: ${times(ratio)}`).join('; '),
      met: aims.every(({ least, ratio }) => ratio >= least),
    };
  };
  return [
    {
      what: `(b) ${guestCount} guests × ${runsPerGuest} runs, completed per second, as ${guestCount * runsPerGuest} jobs of one guest`,
      operator: rate(single).toFixed(1),
      script: rate(script).toFixed(1),
      ...(ansible.length > 0 && { ansible: rate(ansible).toFixed(1) }),
      client: rate(client).toFixed(1),
      ...against(single),
    },
    {
      what: `(b) the same as ${runsPerGuest} jobs of all ${guestCount} guests`,
      operator: rate(fleet).toFixed(1),
      ...against(fleet),
    },
  ];
}

function memoryRows(idle: ProgramMemory, loaded: ProgramMemory): Row[] {
  const row = (program: keyof ProgramMemory): Row => ({
    what: `(d) memory of the ${program}: idle / after (b) / peak in (b)`,
    operator: mebibytes(idle[program].resident, loaded[program].resident, loaded[program].peak),
  });
  return [
    { ...row('agent'), aim: '< 120 MB = 114 MiB', met: loaded.agent.peak * megabytesInMebibyte < 120 },
    row('manager'),
  ];
}

const costs = { own: 'own processes', api: 'kube-apiserver and etcd', libvirtd: 'libvirtd', guests: 'the guests' };

function cpuRows({ single, fleet, script, ansible, client }: Throughput): Row[] {
  const cost = (rounds: readonly ThroughputRound[], part: keyof Cost) =>
    median(rounds.map((round) => round.cost[part]));
  const parts = Object.keys(costs) as (keyof Cost)[];
  const row = (part: keyof Cost): Row => ({
    what: `(f) CPU per run under (b): ${costs[part]}; of all guests' jobs`,
    operator: `${milliseconds(cost(single, part))}; ${milliseconds(cost(fleet, part))}`,
    script: milliseconds(cost(script, part)),
    ...(ansible.length > 0 && { ansible: milliseconds(cost(ansible, part)) }),
    client: milliseconds(cost(client, part)),
  });
  const ratio = cost(single, 'own') / cost(script, 'own');
  const total = (rounds: readonly ThroughputRound[]) => milliseconds(sum(parts.map((part) => cost(rounds, part))));
  return [
    ...parts.map((part) =>
      part === 'own' ? { ...row(part), aim: `≤ 0.33 × script: ${times(ratio)}`, met: ratio <= 1 / 3 } : row(part),
    ),
    {
      what: '(f) all of it together',
      operator: `${total(single)}; ${total(fleet)}`,
      script: total(script),
      ...(ansible.length > 0 && { ansible: total(ansible) }),
      client: total(client),
    },
  ];
}
