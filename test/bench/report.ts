import { type QuietMinute, quietSeconds } from './accounts.ts';
import type { Latency } from './latency.ts';
import type { Memory } from './process-usage.ts';
import { guestCount } from './stage.ts';
import { median, percentile, sum } from './statistics.ts';
import type { Cost, Throughput, ThroughputRound } from './throughput.ts';

export interface Measured {
  latency: Latency;
  throughput: Throughput;
  /** Requests for one job over all guests. */
  jobRequests: Map<string, number>;
  memory: { idle: ProgramMemory; loaded: ProgramMemory };
  quiet: QuietMinute;
}

export interface ProgramMemory {
  agent: Memory;
  manager: Memory;
}

interface Row {
  what: string;
  operator: string;
  script?: string;
  client?: string;
  aim?: string;
  met?: boolean;
}

const writes = /^(create|update|patch|delete) /;

/** The results as a Markdown table. */
export function table(measured: Measured): string {
  const rows = [
    ...latencyRows(measured),
    ...throughputRows(measured),
    ...writeRows(measured),
    ...memoryRows(measured),
    ...quietRows(measured),
    ...cpuRows(measured),
  ];
  const lines = rows.map(({ what, operator, script = '', client = '', aim = '', met }) => {
    const verdict = met === undefined ? '' : met ? 'yes' : '**no**';
    return `| ${[what, operator, script, client, aim, verdict].join(' | ')} |`;
  });
  return ['| | qga-operator | virsh script | bare client | aim | met |', '|---|---:|---:|---:|---|---|', ...lines].join(
    '\n',
  );
}

function latencyRows({ latency: { operator, script, client } }: Measured): Row[] {
  const ratio = median(operator) / median(client);
  const row = (what: string, share: number): Row => ({
    what,
    operator: milliseconds(percentile(operator, share)),
    script: milliseconds(percentile(script, share)),
    client: milliseconds(percentile(client, share)),
  });
  return [
    { ...row('(a) one job, median', 0.5), aim: `≤ 3 × bare client: ${times(ratio)}`, met: ratio <= 3 },
    row('(a) one job, 95th percentile', 0.95),
  ];
}

function throughputRows({ throughput: { operator, script, client } }: Measured): Row[] {
  const rate = (rounds: readonly ThroughputRound[]) => median(rounds.map(({ perSecond }) => perSecond));
  const toClient = rate(operator) / rate(client);
  const toScript = rate(operator) / rate(script);
  return [
    {
      what: `(b) ${guestCount} guests × 20 jobs, completed per second`,
      operator: rate(operator).toFixed(1),
      script: rate(script).toFixed(1),
      client: rate(client).toFixed(1),
      aim: `≥ 0.5 × bare client: ${times(toClient)}; ≥ 1 × script: ${times(toScript)}`,
      met: toClient >= 0.5 && toScript >= 1,
    },
  ];
}

function writeRows({ jobRequests }: Measured): Row[] {
  const all = [...jobRequests].filter(([what]) => writes.test(what));
  const ofTasks = all.filter(([what]) => what.includes('guesttasks'));
  // A Lease is renewed with or without jobs.
  const ofJob = all.filter(([what]) => !what.includes('guesttasks') && !what.includes('leases'));
  const perGuest = sum(ofTasks.map(([, count]) => count)) / guestCount;
  return [
    {
      what: `(c) API writes per guest: ${listed(ofTasks)} for ${guestCount} guests`,
      operator: perGuest.toFixed(1),
      aim: '3',
      met: perGuest <= 3,
    },
    { what: `(c) API writes per job: ${listed(ofJob)}`, operator: String(sum(ofJob.map(([, count]) => count))) },
  ];
}

function memoryRows({ memory: { idle, loaded } }: Measured): Row[] {
  const row = (program: keyof ProgramMemory): Row => ({
    what: `(d) memory of the ${program}: idle / after (b) / peak`,
    operator: `${[idle[program].resident, loaded[program].resident, loaded[program].peak].map(Math.round).join(' / ')} MiB`,
  });
  return [{ ...row('agent'), aim: '< 120 MB', met: loaded.agent.peak * 1.048576 < 120 }, row('manager')];
}

function quietRows({ quiet: { requests, agentBytes, cpuMs } }: Measured): Row[] {
  const others = [...requests].filter(([what]) => !what.includes('leases') && !what.startsWith('watch '));
  return [
    {
      what: `(e) API requests in ${quietSeconds} quiet seconds: ${listed([...requests])}`,
      operator: String(sum([...requests.values()])),
      aim: 'only of Leases',
      met: others.length === 0,
    },
    {
      what: '(e) what the guest agents read meanwhile',
      operator: `${agentBytes} bytes`,
      aim: 'no call at all',
      met: agentBytes === 0,
    },
    { what: '(e) CPU of agent and manager meanwhile', operator: milliseconds(cpuMs) },
  ];
}

function cpuRows({ throughput: { operator, script, client } }: Measured): Row[] {
  const cost = (rounds: readonly ThroughputRound[], part: keyof Cost) =>
    median(rounds.map((round) => round.cost[part]));
  const row = (what: string, part: keyof Cost): Row => ({
    what: `(f) CPU per run under (b): ${what}`,
    operator: milliseconds(cost(operator, part)),
    script: milliseconds(cost(script, part)),
    client: milliseconds(cost(client, part)),
  });
  const ratio = cost(operator, 'own') / cost(script, 'own');
  return [
    { ...row('own processes', 'own'), aim: `≤ 0.5 × script: ${times(ratio)}`, met: ratio <= 0.5 },
    row('kube-apiserver and etcd', 'api'),
    row('libvirtd', 'libvirtd'),
    row('the guests', 'guests'),
  ];
}

function listed(requests: readonly (readonly [string, number])[]): string {
  return requests.map(([what, count]) => `${count} × ${what}`).join(', ') || 'none';
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
