import { Command } from 'commander';
import { type GuestExecJob, type GuestTask, guestExecJobs } from '../../api/resources.ts';
import { isOverPhase, isTaskOver } from '../../api/tasks.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodeOfJob } from '../exec/exit-code.ts';
import { FleetPrinter } from '../exec/fleet-printer.ts';
import { jobForScripts } from '../exec/job-for-scripts.ts';
import { summaryLines } from '../exec/progress.ts';
import { untilOver } from '../exec/run-job.ts';
import { exitCodes } from '../exit-codes.ts';
import { jobWords, nameOfKind } from '../object-name.ts';
import { connected, type OutputOptions, outputOption, withExamples } from '../options.ts';
import { type GuestOutput, lastTasks } from '../output/job-output.ts';
import { prefixed } from '../output/prefixed.ts';
import { outputOf } from '../output/task-output.ts';
import { paintFor } from '../print/paint.ts';
import { structured } from '../print/structured.ts';

interface LogsOptions extends ConnectionOptions, OutputOptions<'json' | 'yaml'> {
  guest?: string;
  follow?: true;
}

/** `kubectl qga logs` */
export function logsCommand(): Command {
  const command = new Command('logs')
    .description('Show what the commands of a GuestExecJob printed, all of it where it was stored in objects.')
    .argument('<job>', 'a GuestExecJob of the namespace')
    .option('--guest <name>', 'of this guest alone, byte for byte')
    .option('-f, --follow', 'wait for guests that are not done, and end as kubectl qga exec does')
    .addOption(outputOption('json', 'yaml'))
    .action(async (job: string, options: LogsOptions) => {
      const name = nameOfKind(job, jobWords);
      await withSession(options, (session) => logs(session, name, options));
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga logs disk-report -n team-a',
      'kubectl qga logs disk-report --guest web-1 > report.txt',
      'JOB=$(kubectl qga exec -l app=web --detach -- apt-get update); kubectl qga logs -f "$JOB"',
    ],
    '0; with -f as exec; 125 when there is no such job or guest. Ctrl-C ends only the following, never the job',
  );
}

async function logs(session: Session, name: string, options: LogsOptions): Promise<number> {
  const { cluster, namespace, signal } = session;
  const job = await cluster.get(guestExecJobs, { namespace, name }, { signal });
  const followed = options.follow && options.output === undefined && options.guest === undefined;
  if (followed && !isOver(job)) return await followFleet(session, job);
  const shown = options.follow ? await untilOver(session, job, () => {}) : job;
  const tasks = await tasksOf(session, shown, options.guest);
  const outputs: GuestOutput[] = [];
  for (const task of tasks) outputs.push({ guest: task.spec.guestName, ...(await outputOf(cluster, task, signal)) });
  const exitCode = isOver(shown) ? exitCodeOfJob(shown) : exitCodes.ok;
  if (options.output === undefined) printOutputs(outputs, options.guest);
  else session.print(structured(options.output, jobForScripts(shown, outputs, exitCode)));
  return options.follow ? exitCode : exitCodes.ok;
}

function isOver({ status }: GuestExecJob): boolean {
  return status?.completionTime !== undefined;
}

async function followFleet(session: Session, job: GuestExecJob): Promise<number> {
  const printer = new FleetPrinter(session);
  try {
    const ended = await untilOver(session, job, async (seen) => {
      await printer.seen(seen);
      if (isOver(seen)) await printer.over(seen);
    });
    session.tell(...summaryLines(ended, paintFor(process.stderr)));
    return exitCodeOfJob(ended);
  } finally {
    printer.close();
  }
}

/** Of each guest that is done or has printed something by now. Which ones are not over is told. */
async function tasksOf({ cluster, signal, tell }: Session, job: GuestExecJob, guest?: string): Promise<GuestTask[]> {
  const tasks = (await lastTasks(cluster, job, signal)).filter(
    ({ spec, status }) =>
      (isOverPhase(status?.phase) || status?.exec !== undefined) && (guest === undefined || spec.guestName === guest),
  );
  if (guest !== undefined && tasks.length === 0) {
    throw new Error(`the job ${job.metadata.name} has nothing of guest ${guest}, or not yet`);
  }
  const running = tasks.filter((task) => !isTaskOver(task)).map(({ spec }) => spec.guestName);
  if (running.length > 0) tell(`kubectl qga: not over in ${running.join(', ')}: shown is what it printed by now`);
  return tasks;
}

function printOutputs(outputs: readonly GuestOutput[], only: string | undefined): void {
  for (const { guest, stdout, stderr } of outputs) {
    const raw = only !== undefined || outputs.length === 1;
    process.stdout.write(raw ? stdout : prefixed(guest, stdout));
    process.stderr.write(raw ? stderr : prefixed(guest, stderr));
  }
}
