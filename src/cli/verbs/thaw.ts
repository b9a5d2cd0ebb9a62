import { Command, Option } from 'commander';
import { fsFreezeWindows, guests, guestTasks } from '../../api/resources.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { parseName } from '../object-name.ts';
import { connected, seconds, selectorOption, withExamples } from '../options.ts';
import { letGo } from '../thaw/let-go.ts';
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
    '0 nothing holds them any more; 1 somebody else froze some: --force thaws them; 124 not known in time, as where a host still owes the thaw; 125 one of them could not be let go',
  );
}

/** Lets go of what a name or a selector names. Answers the exit code. */
export async function thaw(session: Session, name: string | undefined, options: ThawOptions): Promise<number> {
  const plan = await planned(session, name, options.selector);
  const { windows, tasks, owed, over, strangers } = plan;
  for (const { metadata } of over) session.tell(`window ${metadata.name} is over already`);
  if (windows.length + tasks.length + owed.length + over.length + strangers.length === 0) {
    session.tell('nothing of this cluster holds it: there is nothing to thaw');
  }
  return await letGo(session, { plan, force: options.force ?? false, timeoutSeconds: options.timeout });
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
