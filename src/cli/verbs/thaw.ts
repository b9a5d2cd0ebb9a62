import { Command, Option } from 'commander';
import {
  type FsFreezeWindow,
  fsFreezeWindows,
  type Guest,
  type GuestTask,
  guests,
  guestTasks,
  isOverPhase,
} from '../../api/resources.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { isOver, verdictLines } from '../freeze/outcome.ts';
import { releaseWindow } from '../freeze/release.ts';
import { parseName } from '../object-name.ts';
import { connected, seconds, selectorOption, withExamples } from '../options.ts';
import { runTask } from '../tasks/run-task.ts';
import { planForGuests, planThaw, type ThawPlan } from '../thaw/plan.ts';
import { UsageError } from '../usage-error.ts';

interface ThawOptions extends ConnectionOptions {
  selector?: string;
  force?: true;
  timeout: number;
}

/** `kubectl qga thaw` */
export function thawCommand(): Command {
  const command = new Command('thaw')
    .description('Let frozen guests go: release a window, or whatever holds a guest. A window is released as a whole.')
    .argument('[guest-or-window]', 'by name, or guest/NAME and window/NAME where both are there')
    .addOption(selectorOption())
    .option('--force', 'thaw a guest that nothing of this cluster holds, too: somebody else may count on it')
    .addOption(new Option('--timeout <duration>', 'how long to wait for it').argParser(seconds).default(60, '60s'))
    .action(async (name: string | undefined, options: ThawOptions) => {
      if ((name === undefined) === (options.selector === undefined)) {
        throw new UsageError('name a guest or a window, or give a selector: -l app=web');
      }
      await withSession(options, (session) => thaw(session, name, options));
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga thaw web-1',
      'kubectl qga thaw window/before-backup -n team-a',
      'kubectl qga thaw -l app=web',
      'kubectl qga thaw web-1 --force   # frozen by virsh, and forgotten',
    ],
    '0 nothing holds them any more; 1 something still does, or somebody else froze them; 124 not known in time',
  );
}

async function thaw(session: Session, name: string | undefined, options: ThawOptions): Promise<number> {
  const plan = await planned(session, name, options.selector);
  const { windows, tasks, over, strangers } = plan;
  const { tell, print, paint, clock, signal } = session;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(options.timeout * 1000)]);
  for (const { metadata } of over) tell(`window ${metadata.name} is over already`);
  try {
    // All are let go before any is waited for.
    await Promise.all(tasks.map((task) => releaseTask(session, task)));
    const releases = await Promise.all(
      windows.map(({ metadata }) => releaseWindow(session.cluster, metadata, clock, patience)),
    );
    const failed = releases.filter(({ state }) => state === 'failed');
    if (failed.length > 0) throw new Error(failed.map((each) => ('message' in each ? each.message : '')).join('; '));
    for (const window of windows) {
      const last = await untilThawed(session, window, patience);
      print(`window ${window.metadata.name}:`, ...verdictLines(storyOf(last), paint));
    }
    for (const task of tasks) await untilTaskOver(session, task, patience);
  } catch (error) {
    if (!patience.aborted || signal.aborted) throw error;
    tell(`not everything is known to be thawed after ${options.timeout} s: kubectl qga get, or look again`);
    return exitCodes.timedOut;
  }
  if (strangers.length > 0) return await thawStrangers(session, strangers, options.force ?? false);
  if (windows.length + tasks.length + over.length === 0)
    tell('nothing of this cluster holds it: there is nothing to thaw');
  return exitCodes.ok;
}

async function planned(session: Session, name: string | undefined, selector: string | undefined): Promise<ThawPlan> {
  const { cluster, namespace, signal } = session;
  const where = { namespace, signal };
  const [windows, tasks, all] = await Promise.all([
    cluster.list(fsFreezeWindows, where),
    cluster.list(guestTasks, where),
    cluster.list(guests, { ...where, labelSelector: selector }),
  ]);
  const observed = { windows: windows.items, tasks: tasks.items, guests: all.items };
  return name === undefined ? planForGuests(all.items, observed) : planThaw(parseName(name), observed);
}

function storyOf(window: FsFreezeWindow | undefined) {
  return { window, releasedByUs: true, command: undefined, hasCommand: false, interruptedBy: undefined };
}

async function releaseTask({ cluster, signal }: Session, { metadata }: GuestTask): Promise<void> {
  await cluster.mergePatch(guestTasks, metadata, { spec: { release: true } }, { signal });
}

async function untilThawed(
  { cluster, clock }: Session,
  { metadata }: FsFreezeWindow,
  signal: AbortSignal,
): Promise<FsFreezeWindow | undefined> {
  return await untilHolds(follow(cluster, fsFreezeWindows, metadata, clock, signal), isOver);
}

async function untilTaskOver({ cluster, clock, print }: Session, task: GuestTask, signal: AbortSignal): Promise<void> {
  const states = follow(cluster, guestTasks, task.metadata, clock, signal);
  const over = await untilHolds(states, ({ status }) => isOverPhase(status?.phase));
  const verdict = over?.status?.freeze?.verdict ?? over?.status?.phase ?? 'deleted';
  print(`task ${task.metadata.name} of guest ${task.spec.guestName}: ${verdict}`);
}

async function thawStrangers(session: Session, strangers: readonly Guest[], force: boolean): Promise<number> {
  const names = strangers.map(({ metadata }) => metadata.name);
  if (!force) {
    session.tell(`${names.join(', ')}: frozen, and by nothing of this cluster. Find out by whom, or thaw with --force`);
    return exitCodes.wrong;
  }
  for (const guest of names) {
    const action = { command: { execute: 'guest-fsfreeze-thaw' } };
    await runTask(session, { guest, action, prefix: 'thaw', seconds: 60 });
    session.print(`guest ${guest}: thawed`);
  }
  return exitCodes.ok;
}
