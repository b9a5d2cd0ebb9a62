import { type GuestExecJob, type GuestTask, guestExecJobs, guestTasks } from '../../src/api/resources.ts';
import type { Invariant } from './scenario.ts';
import type { Start } from './truth.ts';
import type { World } from './world.ts';

/** A command starts at most once per task, and for one job at most as often in a guest as it may try there. */
const atMostOnce: Invariant = {
  rule: 'a command starts at most once per task, whatever dies, whenever',
  violations: ({ truth }) => [
    ...[...Map.groupBy(truth.starts, ({ task }) => task)]
      .filter(([, starts]) => starts.length > 1)
      .map(([task, starts]) => `task ${task} was started twice: ${JSON.stringify(starts)}`),
    ...[...Map.groupBy(truth.starts, ({ guest, command }) => `${command[1]} in guest ${guest}`)]
      .filter(([, starts]) => !mayHaveTried(starts))
      .map(
        ([key, starts]) => `${key} was started twice, or more often than it may be tried: ${JSON.stringify(starts)}`,
      ),
  ],
};

/** What failed by itself may be tried again, as often as the job says. */
function mayHaveTried(starts: readonly Start[]): boolean {
  const tries = Number(starts[0]?.command[4] ?? 1);
  return starts.length <= tries && starts.slice(0, -1).every(({ end }) => end?.code !== undefined && end.code !== 0);
}

/**
 * A finished command's result reaches its task's status, or that says `Unknown`: never nothing, never another's, and no
 * failure that was none because nobody waited for it any longer.
 */
const itsOwnResult: Invariant = {
  rule: "a finished command's result reaches the status, or the status says Unknown",
  violations: (world) => world.api.list(guestTasks).items.flatMap((task) => falsehoodsOf(task, world)),
};

function falsehoodsOf({ metadata, spec, status }: GuestTask, { truth }: World): string[] {
  if (!spec.action.exec) return [];
  const starts = truth.startsOf(metadata.uid as string);
  const said = `task ${metadata.name} says ${status?.phase} ${status?.reason}`;
  if (status?.exec) {
    const { exitCode, signal, stdout = '' } = status.exec;
    const real = starts.find(({ end }) => end?.code === exitCode && end?.signal === signal && end?.stdout === stdout);
    if (!real) return [`${said}, ${JSON.stringify(status.exec)}, but its starts were ${JSON.stringify(starts)}`];
    const succeeded = real.end?.code === 0 && !real.killed;
    return succeeded && status.phase !== 'Succeeded' ? [`${said}, but it exited with 0 and nobody had ended it`] : [];
  }
  const phase = status?.phase;
  if (phase === 'Unknown') {
    return truth.disturbed.has(spec.guestUID ?? '') ? [] : [`${said}, but nothing happened that could hide its end`];
  }
  if (phase !== 'Failed' && phase !== 'Skipped') return [`${said} without a result`];
  return starts.length === 0 ? [] : [`${said} and nothing was started, but it ran: ${JSON.stringify(starts)}`];
}

/** No simulated guest has a command switched off, lacks a shell or a channel, or is another domain than its Guest says. */
const untrueReasons = new Set([
  'CommandUnsupported',
  'CommandBlocked',
  'ShellNotStarted',
  'NoSpool',
  'NoAgentChannel',
  'GuestReplaced',
  'GuestGone',
]);

const trueReasons: Invariant = {
  rule: 'no task fails for a reason that is not there',
  violations: ({ api }) =>
    api
      .list(guestTasks)
      // A freeze is not waited for: its guest may have just left.
      .items.filter(({ spec, status }) => spec.action.exec && untrueReasons.has(status?.reason ?? ''))
      .map(({ metadata, status }) => `task ${metadata.name} says ${status?.reason}: ${status?.message}`),
};

/** A job says of each guest what the guest's task says. */
const jobsTellTheirTasks: Invariant = {
  rule: "a job's status tells the results of its own tasks",
  violations: ({ api }) => {
    const tasks = new Map(api.list(guestTasks).items.map((task) => [task.metadata.name, task]));
    return api.list(guestExecJobs).items.flatMap((job) => misreportsOf(job, tasks));
  },
};

function misreportsOf({ metadata, status }: GuestExecJob, tasks: ReadonlyMap<string, GuestTask>): string[] {
  return (status?.guests ?? []).flatMap(({ name, phase, reason, exitCode, stdout, taskName }) => {
    const task = tasks.get(taskName ?? '');
    // Given up for the job's deadline: the task may end differently, later.
    if (!task || reason === 'DeadlineExceeded') return [];
    const same =
      task.status?.phase === phase && task.status.exec?.exitCode === exitCode && task.status.exec?.stdout === stdout;
    const said = `job ${metadata.name} says of ${name}: ${phase} ${exitCode} "${stdout}"`;
    return same ? [] : [`${said}, its task says ${JSON.stringify(task.status)}`];
  });
}

/** A guest whose tasks are over has nothing left to do, and its node nothing to remember. */
export const nothingLeft: Invariant = {
  rule: 'what is over leaves nothing behind',
  violations: ({ nodes }) =>
    nodes.flatMap(({ name, running, host }) => {
      if (!running) return [`${name} does not run`];
      const remembered = [...running.journal.tasks()];
      const busy = host.guests.filter(({ uuid }) => running.agent.registry.get(uuid).running.size > 0);
      return [
        ...(remembered.length > 0 ? [`the journal of ${name} still has ${remembered.join(', ')}`] : []),
        ...busy.map((guest) => `${name} still has something running in ${guest.name}`),
        ...host.guests.filter(({ spool }) => spool.busy).map((guest) => `a launcher is left in ${guest.name}`),
      ];
    }),
};

export const invariants: readonly Invariant[] = [
  atMostOnce,
  itsOwnResult,
  trueReasons,
  jobsTellTheirTasks,
  nothingLeft,
];
