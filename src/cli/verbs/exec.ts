import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { type GuestExecJob, guestExecJobs } from '../../api/resources.ts';
import { assertKnown } from '../connect/known-target.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodeOfJob } from '../exec/exit-code.ts';
import { FleetPrinter } from '../exec/fleet-printer.ts';
import { GuestPrinter } from '../exec/guest-printer.ts';
import { type ExecRequest, jobSpecOf } from '../exec/job.ts';
import { jobForScripts } from '../exec/job-for-scripts.ts';
import { summaryLines } from '../exec/progress.ts';
import { createJob, seenThrough } from '../exec/run-job.ts';
import { exitCodes } from '../exit-codes.ts';
import {
  collected,
  connected,
  countOrShare,
  type OutputOptions,
  outputOption,
  seconds,
  selectorOption,
  withExamples,
} from '../options.ts';
import { type GuestOutput, outputOfGuest } from '../output/job-output.ts';
import { paintFor } from '../print/paint.ts';
import { nameOf, structured } from '../print/structured.ts';
import { targetOf } from '../target.ts';
import { UsageError } from '../usage-error.ts';

interface ExecOptions extends ConnectionOptions, OutputOptions<'json' | 'yaml' | 'name'> {
  selector?: string;
  user?: string;
  workdir?: string;
  env: string[];
  envSecret: string[];
  stdin?: true;
  script?: string;
  store?: ExecRequest['store'];
  parallelism?: number | string;
  maxFailures?: number | string;
  timeout?: number;
  dryRun?: true;
  detach?: true;
}

const timeoutOfOne = 300;
const timeoutOfFleet = 3600;
/** A job goes so long after it ended, should this program be gone before it could delete it. */
const leftoverSeconds = 600;
const detachedSeconds = 86_400;

/** `kubectl qga exec` */
export function execCommand(words: readonly string[]): Command {
  const command = new Command('exec')
    .description("Run a command in a guest and show what it prints, or in many. The exit code is the command's.")
    .usage(
      '[options] GUEST -- COMMAND [ARGUMENT…]\n       kubectl qga exec [options] -l SELECTOR -- COMMAND [ARGUMENT…]',
    )
    .argument('[guest]', 'a Guest of the namespace; what to run goes after --')
    .addOption(selectorOption())
    .option('-u, --user <name>', 'the account to run it as; default: root')
    .option('-w, --workdir <folder>', 'where it starts; default: /')
    .addOption(
      new Option('-e, --env <name=value>', 'may be given several times').argParser(collected).default([], 'none'),
    )
    .addOption(
      new Option('--env-secret <name=secret/key>', 'the value of a Secret, sealed to the host')
        .argParser(collected)
        .default([], 'none'),
    )
    .option('-i, --stdin', 'pass our standard input to it, up to 256 KiB of text')
    .option('-f, --script <file>', 'run this script there; what follows -- are its arguments')
    .addOption(
      new Option(
        '--store <where>',
        'keep up to 16 MiB of output in objects meanwhile; default: head and tail only',
      ).choices(['Status', 'ConfigMap', 'Secret']),
    )
    .addOption(new Option('--parallelism <count>', 'guests at once, or a share such as 25%').argParser(countOrShare))
    .addOption(
      new Option('--max-failures <count>', 'begin nowhere else when more guests have failed').argParser(countOrShare),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long all of it may take; default: 5m in one guest, 1h in many').argParser(
        seconds,
      ),
    )
    .option('--dry-run', 'run nothing; say where it would run, where not, and why')
    .option('--detach', 'print the name of the job and leave; kubectl qga logs shows its output for a day')
    .addOption(outputOption('json', 'yaml', 'name'))
    .action(async (guest: string | undefined, options: ExecOptions) => {
      if (options.output === 'name' && !options.detach) throw new UsageError('-o name goes with --detach');
      const request = await requestOf(guest, words, options);
      const spec = jobSpecOf(request);
      await withSession(options, async (session) => {
        await assertKnown(session, request.target, options.selector);
        return await exec(session, spec, options);
      });
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga exec web-1 -- systemctl is-active nginx',
      'kubectl qga exec web-1 -n team-a --user postgres --store Secret -- pg_dump shop > shop.sql',
      'kubectl qga exec -l app=web --parallelism 25% --max-failures 3 -- apt-get -y upgrade',
      'kubectl qga exec web-1 --script repair.py -- --all',
      'echo hello | kubectl qga exec web-1 -i -- tee /etc/motd',
      'kubectl qga exec -l app=web --detach -- sh -c "sleep 600; reboot"',
    ],
    [
      "one guest: the command's own; 128 + n when signal n ended it; 127 no such program",
      'many guests, or --dry-run: 0 all went well, 1 some did not',
      '124 timed out; 125 it could not be run, or nobody knows how it ended; 2 bad usage',
      '130 after Ctrl-C: the job is deleted, which ends the command in the guest',
    ].join('\n  '),
  );
}

async function requestOf(
  guest: string | undefined,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecRequest> {
  const { selector, timeout = selector === undefined ? timeoutOfOne : timeoutOfFleet } = options;
  const { env, envSecret, user, workdir, store, parallelism, maxFailures } = options;
  return {
    target: targetOf(guest, selector),
    command,
    script: options.script === undefined ? undefined : await readFile(options.script, 'utf8'),
    stdin: options.stdin ? await buffer(process.stdin) : undefined,
    env,
    envSecret,
    user,
    workdir,
    store,
    parallelism,
    maxFailures,
    timeoutSeconds: timeout,
    dryRun: options.dryRun ?? false,
    keptSeconds: options.detach ? detachedSeconds : leftoverSeconds,
  };
}

async function exec(session: Session, spec: GuestExecJob['spec'], options: ExecOptions): Promise<number> {
  const { output, detach } = options;
  const job = await createJob(session, spec);
  if (detach) {
    const structure = output === 'json' || output === 'yaml' ? structured(output, job) : undefined;
    session.print(structure ?? nameOf(guestExecJobs, job.metadata.name));
    return exitCodes.ok;
  }
  if (output === 'json' || output === 'yaml') return await execForScripts(session, job, output);
  if (spec.dryRun) return await dryRun(session, job);
  return spec.target.guestName === undefined ? await execInFleet(session, job) : await execInOne(session, job);
}

async function execInOne(session: Session, job: GuestExecJob): Promise<number> {
  const printer = new GuestPrinter(session);
  try {
    return exitCodeOfJob(await seenThrough(session, job, (seen) => printer.seen(seen)));
  } finally {
    printer.close();
  }
}

async function execInFleet(session: Session, job: GuestExecJob): Promise<number> {
  const printer = new FleetPrinter(session);
  try {
    const ended = await seenThrough(session, job, async (seen) => {
      await printer.seen(seen);
      if (seen.status?.completionTime !== undefined) await printer.over(seen);
    });
    session.tell(...summaryLines(ended, paintFor(process.stderr)));
    return exitCodeOfJob(ended);
  } finally {
    printer.close();
  }
}

async function dryRun(session: Session, job: GuestExecJob): Promise<number> {
  const ended = await seenThrough(session, job, () => {});
  session.print(...summaryLines(ended, session.paint));
  return exitCodeOfJob(ended);
}

async function execForScripts(session: Session, job: GuestExecJob, format: 'json' | 'yaml'): Promise<number> {
  const { cluster, signal } = session;
  const outputs: GuestOutput[] = [];
  const ended = await seenThrough(session, job, async (seen) => {
    if (seen.status?.completionTime === undefined) return;
    for (const result of seen.status.guests ?? []) outputs.push(await outputOfGuest(cluster, seen, result, signal));
  });
  const exitCode = exitCodeOfJob(ended);
  session.print(structured(format, jobForScripts(ended, outputs, exitCode)));
  return exitCode;
}
