import { Command } from 'commander';
import { type Guest, type GuestHost, guestHosts, guests, guestTasks } from '../../api/resources.ts';
import { ApiError, isNotFound } from '../../kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/objects.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { nameOfKind, taskWords } from '../object-name.ts';
import { connected, type OutputOptions, outputOption, withExamples } from '../options.ts';
import { structured } from '../print/structured.ts';
import { harmless } from '../print/table.ts';
import { parseReasons } from '../story/reasons.ts';
import { reasonsPage } from '../story/reasons-page.ts';
import { storyOf, type Told } from '../story/task-story.ts';

type ExplainOptions = ConnectionOptions & OutputOptions<'json' | 'yaml'>;

/** `kubectl qga explain-task` */
export function explainTaskCommand(): Command {
  const command = new Command('explain-task')
    .description('Tell the story of one GuestTask: who made it, where it went, what its reason means, what to do.')
    .argument('<task>', 'a GuestTask of the namespace: kubectl get guesttasks')
    .addOption(outputOption('json', 'yaml'))
    .action(async (task: string, options: ExplainOptions) => {
      const name = nameOfKind(task, taskWords);
      await withSession(options, (session) => explainTask(session, name, options));
    });
  return withExamples(
    connected(command),
    ['kubectl qga explain-task disk-report-web-1-0f3a7c51d2', 'kubectl qga explain-task trim-web-1 -n team-a -o json'],
    '0, however the task fared; 125 when there is no such task',
  );
}

async function explainTask(session: Session, name: string, { output }: ExplainOptions): Promise<number> {
  const { cluster, namespace, clock, signal, print } = session;
  const task = await cluster.get(guestTasks, { namespace, name }, { signal });
  const { nodeName, guestName } = task.spec;
  const [guest, host] = await Promise.all([
    seen<Guest>(session, guests, { namespace, name: guestName }),
    nodeName === undefined ? undefined : seen<GuestHost>(session, guestHosts, { name: nodeName }),
  ]);
  const story = storyOf({ task, guest, host, reasons: parseReasons(reasonsPage()), now: clock.now() });
  if (output !== undefined) print(structured(output, { task: name, namespace, story }));
  else print(...story.map((told, n) => line(told, told.about === story[n - 1]?.about, session)));
  return exitCodes.ok;
}

/** What may be missing, or not for everybody to see, is no obstacle. */
async function seen<T extends KubeObject>(
  { cluster, signal }: Session,
  resource: Resource<T>,
  ref: ObjectRef,
): Promise<T | undefined> {
  try {
    return await cluster.get(resource, ref, { signal });
  } catch (error) {
    if (isNotFound(error) || (error instanceof ApiError && error.code === 403)) return undefined;
    throw error;
  }
}

function line({ about, text }: Told, more: boolean, { paint }: Session): string {
  return `${paint('bold', (more ? '' : about).padEnd(9))}${harmless(text)}`;
}
