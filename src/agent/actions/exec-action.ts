import { referencesOfExec } from '../../api/action-inputs.ts';
import type { GuestTask } from '../../api/resources.ts';
import type { Exec } from '../../api/schema/exec.ts';
import { shellsOwnMessage, shellsOwnVariables } from '../../api/shell-variables.ts';
import { type ExecEnd, isOwnEnd } from '../../guest/exec-end.ts';
import { type Launch, launchOf } from '../../guest/exec-launch.ts';
import { type ExecProgress, runExec } from '../../guest/exec-run.ts';
import { failureReason } from '../../guest/failure-reason.ts';
import { NotStagedError } from '../../guest/staged-script.ts';
import { uidOf } from '../../kube/objects.ts';
import { guestExec, guestExecStatus } from '../../qga/commands.ts';
import type { Clock } from '../../seams/clock.ts';
import { execResultOf, outcomeOfEnd } from '../exec-outcome.ts';
import type { LiveGuest } from '../live-guest.ts';
import type { Progress } from '../task-report.ts';
import {
  type Action,
  type ActionRun,
  DeadlineReached,
  type Ending,
  lostInTakeOver,
  TaskDeleted,
  TaskReleased,
} from './action.ts';
import { runDirect } from './direct-exec.ts';
import { whyExecWasRefused } from './exec-refusal.ts';
import { endingOfRefusal } from './refusal.ts';
import { storeOutput } from './stored-output.ts';

/** Files of delivered runs are removed by a later launcher: of so many at least, since that takes a program. */
const fewestDropped = 8;
const mostDropped = 64;

/** Runs a command in the guest, at most once, and ends it when nobody wants it any more. */
export const execAction: Action = {
  commands: () => [guestExec.name, guestExecStatus.name],
  problem: problemOf,
  async run(run) {
    const exec = execOf(run.task);
    const wanted = untilUnwanted(run);
    return exec.mode === 'Direct' ? await runDirect(run, exec, wanted) : await runSpooled(run, exec, wanted);
  },
  // Both ask the guest first, and start nothing without all that the command takes.
  findAgain: async (run) => await (run.sentBefore?.takenOver ? execAction.takeOver?.(run) : execAction.run(run)),
  // Whatever was begun elsewhere, the spool has moved with the guest; a pid that only the other host knew has not.
  async takeOver(run) {
    const exec = execOf(run.task);
    return exec.mode === 'Direct' ? lostInTakeOver(run) : await runSpooled(run, exec, untilUnwanted(run));
  },
  delivered: (task, guest) => void guest.finishedRuns.push(uidOf(task)),
  async abandon(id, { guest, sent, clock, stopped }) {
    const withdrawn = AbortSignal.abort(new TaskDeleted());
    const launch = launchOf({}, undefined);
    const end = await runExec(guest.agent, { id, launch, sentBefore: sent }, clock, { stopped, withdrawn });
    // What another sends late must find the claim.
    if (end.kind === 'ended' && !sent.takenOver) guest.finishedRuns.push(id);
  },
};

/** What the API refuses, too: an API server may have an older definition of it. */
function problemOf(task: GuestTask): { reason: string; message: string } | undefined {
  const { mode, env = [] } = execOf(task);
  if (mode === 'Direct' || !env.some(({ name }) => shellsOwnVariables.includes(name))) return undefined;
  return { reason: 'InvalidArguments', message: shellsOwnMessage };
}

/** Aborts when nobody waits for the command any longer: a deadline, a deletion, or a job that lets go of it. */
function untilUnwanted({ withdrawn, latest, onUpdate }: ActionRun): AbortSignal {
  const released = new AbortController();
  const look = ({ spec }: GuestTask) => {
    if (spec.release) released.abort(new TaskReleased());
  };
  look(latest());
  onUpdate(look);
  return AbortSignal.any([withdrawn, released.signal]);
}

async function runSpooled(run: ActionRun, exec: Exec, withdrawn: AbortSignal): Promise<Ending | undefined> {
  const { task, guest, sentBefore, stopped, clock, secret } = run;
  const id = uidOf(task);
  const launch = launchOf(exec, secret);
  const withheld = referencesOfExec(exec).length > 0 && secret?.kind !== 'exec';
  const drop = guest.runsToDrop(fewestDropped, mostDropped);
  const onDropped = () => guest.dropped(drop);
  const onProgress = (progress: ExecProgress) => run.show(shownProgress(progress));
  const spooled = { id, launch, withheld, sentBefore, bootId: task.status?.claim?.bootId, drop, onDropped, onProgress };
  const end = await runExec(guest.agent, spooled, clock, { stopped, withdrawn });
  if (end.kind === 'otherBoot') {
    guest.sawBoot(end.bootId);
    return undefined;
  }
  if (end.kind === 'withheld') return undefined;
  if (end.kind === 'notStarted') return await whyNotStarted(task, guest, end, { clock, signal: stopped });
  const ending = endingOf(end, launch, withdrawn);
  if (end.kind !== 'ended' || withdrawn.reason instanceof TaskDeleted) return ending;
  return await storeOutput({ ...run, withdrawn }, exec, end.report, ending);
}

type FoundEnd = Exclude<ExecEnd, { kind: 'notStarted' | 'otherBoot' | 'withheld' }>;

function endingOf(end: FoundEnd, launch: Launch, withdrawn: AbortSignal): Ending {
  if (withdrawn.aborted && !isOwnEnd(end)) return endOfUnwanted(end, withdrawn.reason, launch.graceSeconds);
  if (end.kind === 'withdrawn') throw new TypeError('a run that nobody withdrew was withdrawn');
  const { command, user, workingDirectory } = launch;
  return outcomeOfEnd(end, { program: command[0] ?? '', user, workingDirectory });
}

function shownProgress({ stdout, stderr, stdoutBytes, stderrBytes }: ExecProgress): Progress {
  return {
    phase: 'Running',
    exec: {
      ...(stdout.length > 0 && { stdout: tailText(stdout, stdoutBytes) }),
      ...(stderr.length > 0 && { stderr: tailText(stderr, stderrBytes) }),
      stdoutBytes,
      stderrBytes,
    },
  };
}

function tailText(tail: Buffer, totalBytes: number): string {
  const text = tail.toString('utf8').replace(/^\uFFFD+/, '');
  return totalBytes > tail.length ? `[… so far ${totalBytes} bytes, of which the last …]\n${text}` : text;
}

/** The end to which a command was brought, or may have been, because nobody wanted it any more. */
function endOfUnwanted(end: Exclude<FoundEnd, { kind: 'noSpool' }>, why: unknown, graceSeconds: number): Ending {
  const { reason, because } = reasonOf(why);
  switch (end.kind) {
    case 'withdrawn': {
      const phase = reason === 'DeadlineExceeded' ? 'Failed' : 'Skipped';
      return { phase, reason, message: `${because}: nothing was started` };
    }
    case 'unknown':
      return { phase: 'Unknown', reason: end.reason, message: `${because}: ${end.message}` };
    case 'ended': {
      const exec = execResultOf(end.report);
      const how = exec.signal === 9 ? `SIGTERM, and after ${graceSeconds} s SIGKILL, ended it` : 'SIGTERM ended it';
      return { phase: 'Failed', reason, message: `${because}: ${how}, with all it had started`, exec };
    }
  }
}

function reasonOf(why: unknown): { reason: string; because: string } {
  if (why instanceof DeadlineReached) return { reason: 'DeadlineExceeded', because: 'its deadline came' };
  if (why instanceof TaskReleased) return { reason: 'Released', because: 'the job no longer wanted it' };
  return { reason: 'Deleted', because: 'its task was deleted' };
}

/** The end of a task whose launcher never ran; undefined when a later try may fare better. */
async function whyNotStarted(
  { spec }: GuestTask,
  guest: LiveGuest,
  { error }: Extract<ExecEnd, { kind: 'notStarted' }>,
  asking: { clock: Clock; signal: AbortSignal },
): Promise<Ending | undefined> {
  if (error instanceof NotStagedError && error.code === 'Refused') {
    return await endingOfRefusal(guest.agent, spec.guestName, error.command, asking.signal, () => ({
      phase: 'Failed',
      reason: 'NoSpool',
      message: `the guest takes no file in its /run, which a command that long needs: ${error.message}: nothing was started`,
    }));
  }
  if (error.code === 'Refused') return await whyExecWasRefused(guest.agent, spec.guestName, error, asking);
  if (error.retryable) return undefined;
  return { phase: 'Failed', reason: failureReason(error), message: error.message };
}

function execOf({ spec }: GuestTask): Exec {
  if (!spec.action.exec) throw new TypeError('the task has no exec');
  return spec.action.exec;
}
