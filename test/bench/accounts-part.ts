import { countRequestsOfOneJob, type QuietMinute, quietSeconds, watchQuietMinute } from './accounts.ts';
import { prepareAuditLog } from './audit-log.ts';
import type { Part } from './part.ts';
import { listed, milliseconds, type Row } from './report.ts';
import { countRequestsOfOneRotation } from './rotations.ts';
import { guestCount } from './stage.ts';
import { sum } from './statistics.ts';

type Requests = ReadonlyMap<string, number>;

const writes = /^(create|update|patch|delete) /;

/** What the API server is asked for, counted by its audit log. */
export const accountsPart: Part = {
  name: 'accounts',
  async measure(bench) {
    const { step } = bench.tell;
    const stage = await bench.stage();
    const audit = await prepareAuditLog(bench.dir);
    await step('starting the API server anew, with an audit log', () =>
      stage.restartControlPlane(audit.apiServerArguments),
    );
    const ofJob = await step('(c) counting the API requests of one job', () => countRequestsOfOneJob(stage, audit));
    const ofRotation = await step('(g) counting the API requests of one rotation', () =>
      countRequestsOfOneRotation(stage, audit),
    );
    await stage.removeJobs();
    const quiet = await step(`(e) doing nothing, and watching ${quietSeconds} seconds of it`, () =>
      watchQuietMinute(stage, audit, bench.signal),
    );
    return [...jobRows(ofJob), rotationRow(ofRotation), ...quietRows(quiet)];
  },
};

function jobRows(requests: Requests): Row[] {
  const all = [...requests].filter(([what]) => writes.test(what));
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

function rotationRow(requests: Requests): Row {
  const all = [...requests].filter(([what]) => writes.test(what) && !what.includes('leases'));
  const total = sum(all.map(([, count]) => count));
  return {
    what: `(g) API writes per rotation of a guest: ${listed(all)} for ${guestCount} guests`,
    operator: (total / guestCount).toFixed(1),
  };
}

function quietRows({ requests, agentBytes, cpuMs }: QuietMinute): Row[] {
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
