import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { GuestExecJob } from '../../../src/api/resources.ts';
import { tokenKubeconfig } from '../../harness/account.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testFolder } from '../../harness/fixtures.ts';
import { harnessPaths } from '../../harness/paths.ts';
import { run } from '../../harness/run.ts';
import { repository } from '../../harness/vitest/shared.ts';

// No kubelet runs here: what the pods would run is run as their ServiceAccount. Nor does a manager that could reach a guest:
// how a job ended is written by the test.
const { kubectl, apply, kubeconfig } = sharedCluster();
const folder = testFolder();
let account: string;

interface Document {
  kind: string;
}

interface CronJob extends Document {
  spec: { jobTemplate: { spec: { template: { spec: { containers: { command: string[]; args: string[] }[] } } } } };
}

interface Task extends Document {
  spec: { steps: { script: string }[] };
}

async function documents<T extends Document>(file: string): Promise<T[]> {
  const text = await readFile(join(repository, 'examples', file), 'utf8');
  return parseAllDocuments(text).map((each) => each.toJS() as T);
}

beforeAll(async () => {
  const access = (await documents('exec-cronjob.yaml')).filter(({ kind }) => kind !== 'CronJob');
  await apply(...access);
  const token = await kubectl('create', 'token', 'exec-jobs', '-n', 'default');
  account = await tokenKubeconfig(kubeconfig, token, folder('exec-jobs.kubeconfig'));
});
afterAll(async () => {
  await kubectl('delete', 'rolebinding,role,serviceaccount', 'exec-jobs', '-n', 'default');
  await kubectl('delete', 'gxj', '--all', '-n', 'default');
});

/** Runs a pod's command until its job, whose name begins so, is there; then the job ends in this phase. */
async function runUntilEnd(
  command: string[],
  prefix: string,
  phase: 'Complete' | 'Failed',
  env: Record<string, string> = {},
): Promise<{ job: GuestExecJob; printed: string }> {
  await kubectl('delete', 'gxj', '--all', '-n', 'default');
  const path = `${harnessPaths().controlPlane}:${process.env['PATH']}`;
  const [program = '', ...args] = command;
  const running = run(program, args, { env: { PATH: path, KUBECONFIG: account, ...env } });
  const ended = running.catch(() => undefined);
  const job = await eventually(
    async () => {
      const list: { items: GuestExecJob[] } = JSON.parse(await kubectl('get', 'gxj', '-n', 'default', '-o', 'json'));
      return list.items.find(({ metadata }) => metadata.name.startsWith(prefix));
    },
    { what: `a job ${prefix}…`, timeoutMs: 30_000 },
  );
  const completionTime = new Date().toISOString();
  const end = {
    type: phase,
    status: 'True',
    reason: 'Written',
    message: 'by a test',
    lastTransitionTime: completionTime,
  };
  // With its condition: a job that is over is left alone by the managers that other files start on this cluster.
  const status = { phase, completions: '1/1', completionTime, conditions: [end] };
  const patch = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
  await kubectl('patch', 'gxj', job.metadata.name, '-n', 'default', ...patch);
  await ended;
  return { job, printed: await running };
}

describe('a CronJob', () => {
  async function podCommand(): Promise<string[]> {
    const [cronJob] = await documents<CronJob>('exec-cronjob.yaml');
    const containers = cronJob?.spec.jobTemplate.spec.template.spec.containers ?? [];
    return containers.flatMap(({ command, args }) => [...command, ...args]);
  }

  it('creates a job of its own and ends with 0 when that completed', async () => {
    const { job, printed } = await runUntilEnd(await podCommand(), 'nightly-trim-', 'Complete');

    expect(job.spec).toMatchObject({ parallelism: '25%', exec: { command: ['fstrim', '--all'] } });
    expect(printed).toContain('1/1');
  });

  it('ends with another status when the job failed', async () => {
    await expect(runUntilEnd(await podCommand(), 'nightly-trim-', 'Failed')).rejects.toMatchObject({ exitCode: 1 });
  });
});

describe('a Tekton task', () => {
  async function step(parameters: Record<string, string>): Promise<string> {
    const [task] = await documents<Task>('exec-tekton/task.yaml');
    let script = task?.spec.steps[0]?.script ?? '';
    for (const [name, value] of Object.entries(parameters)) script = script.replaceAll(`$(params.${name})`, value);
    return script;
  }
  const hostile = 'echo "a: b" | grep \'$x\'\n\n# $(reboot)\nEOF\n- `true`\n';

  it('creates a job with exactly the script that it was given, and ends as it does', async () => {
    const command = ['/bin/sh', '-c', await step({ app: 'web', parallelism: '10' })];

    const { job } = await runUntilEnd(command, 'pipeline-', 'Complete', { SCRIPT: hostile });

    expect(job.spec.exec.script?.source?.trimEnd()).toBe(hostile.trimEnd());
    await expect(runUntilEnd(command, 'pipeline-', 'Failed', { SCRIPT: 'true' })).rejects.toMatchObject({
      exitCode: 1,
    });
  });
});
