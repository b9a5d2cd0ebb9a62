import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { narrator } from '../harness/demo/narrator.ts';
import { run } from '../harness/run.ts';
import { repository, runFolder } from '../harness/vitest/shared.ts';
import { countRequestsOfOneJob, quietSeconds, watchQuietMinute } from './accounts.ts';
import { prepareAuditLog } from './audit-log.ts';
import { watchExecJobs } from './exec-jobs.ts';
import { measureLatency } from './latency.ts';
import { bareClient, virshScript } from './peers.ts';
import { memoryOf } from './process-usage.ts';
import { type Measured, type ProgramMemory, table } from './report.ts';
import { raiseStage, type Stage } from './stage.ts';
import { measureThroughput } from './throughput.ts';

// The table goes to standard output, the story to standard error. --profile DIR: the programs leave CPU profiles there.
const { profile } = parseArgs({ options: { profile: { type: 'string' } } }).values;
const profileDir = profile === undefined ? undefined : resolve(profile);
const { say, step, show } = narrator((text) => void process.stderr.write(text));
const started = performance.now();

async function main(signal: AbortSignal): Promise<void> {
  await step('building the programs', () => run('npm', ['run', '--silent', 'build'], { cwd: repository }));
  process.env['QGA_HARNESS_DIST'] = '1';
  if (profileDir) await mkdir(profileDir, { recursive: true });
  const folder = await runFolder('bench');
  try {
    const stage = await raiseStage({ dir: folder.path, tell: { say, step, show }, profileDir, signal });
    try {
      console.log(table(await measure(stage, signal)));
    } finally {
      await step('ending everything', () => stage.stop());
    }
  } finally {
    await folder.remove();
  }
}

async function measure(stage: Stage, signal: AbortSignal): Promise<Measured> {
  const { dir, hypervisor, guests } = stage;
  const [guest] = guests;
  if (!guest) throw new Error('there is no guest');
  const script = virshScript(dir, hypervisor.uri);
  const client = await bareClient(dir, hypervisor.uri);
  const jobs = await watchExecJobs(stage.controlPlane().kubeconfig);
  const latency = await step('(a) one run after the other, three ways in turns', () =>
    measureLatency(jobs, script, client, guest),
  );
  await stage.removeJobs();
  signal.throwIfAborted();
  const idle = memoryOfPrograms(stage);
  const throughput = await step('(b) (f) 160 runs in all guests at once, three ways in turns', () =>
    measureThroughput(stage, jobs, script, client),
  );
  const loaded = memoryOfPrograms(stage);
  await jobs.close();

  // Keeping an audit log costs the API server some of its time: not while speed is measured.
  const audit = await prepareAuditLog(dir);
  await step('starting the API server anew, with an audit log', () =>
    stage.restartControlPlane(audit.apiServerArguments),
  );
  const jobRequests = await step('(c) counting the API requests of one job', () => countRequestsOfOneJob(stage, audit));
  await stage.removeJobs();
  const quiet = await step(`(e) doing nothing, and watching ${quietSeconds} seconds of it`, () =>
    watchQuietMinute(stage, audit, signal),
  );
  say(`This took ${Math.round((performance.now() - started) / 1000)} s.\n`);
  return { latency, throughput, jobRequests, memory: { idle, loaded }, quiet };
}

function memoryOfPrograms({ agent, manager }: Stage): ProgramMemory {
  return { agent: memoryOf(agent.pid), manager: memoryOf(manager.pid) };
}

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interruption.abort(new Error(`stopped by ${name}`)));
}
await main(interruption.signal);
