import { Command, Option } from 'commander';
import { type PasswordRotation, passwordRotations, rotateNowAnnotation } from '../../api/resources.ts';
import { follow } from '../connect/follow.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { nameOfKind, rotationWords } from '../object-name.ts';
import { connected, type OutputOptions, outputOption, seconds, withExamples } from '../options.ts';
import { nameOf, structured } from '../print/structured.ts';
import { type RotationProgress, rotationLines, rotationProgress } from '../rotate/progress.ts';

interface RotateOptions extends ConnectionOptions, OutputOptions<'json' | 'yaml' | 'name'> {
  wait: boolean;
  timeout: number;
}

/** `kubectl qga rotate` */
export function rotateCommand(): Command {
  const command = new Command('rotate')
    .description(
      'Rotate the passwords of a PasswordRotation now, in all of its guests; parked ones are taken up again.',
    )
    .argument('<rotation>', 'a PasswordRotation of the namespace')
    .option('--no-wait', 'only ask for it')
    .addOption(new Option('--timeout <duration>', 'how long to wait for it').argParser(seconds).default(600, '10m'))
    .addOption(outputOption('json', 'yaml', 'name'))
    .action(async (rotation: string, options: RotateOptions) => {
      const name = nameOfKind(rotation, rotationWords);
      await withSession(options, (session) => rotate(session, name, options));
    });
  return withExamples(
    connected(command),
    ['kubectl qga rotate app-password -n team-a', 'kubectl qga rotate app-password --no-wait'],
    '0 rotated everywhere; 1 a person is needed; 124 not in time: it goes on by itself; 130 after Ctrl-C: the same',
  );
}

async function rotate(session: Session, name: string, options: RotateOptions): Promise<number> {
  const { cluster, namespace, clock, signal, tell, print } = session;
  const ref = { namespace, name };
  const value = new Date(clock.now()).toISOString();
  const patch = { metadata: { annotations: { [rotateNowAnnotation]: value } } };
  const asked = await cluster.mergePatch(passwordRotations, ref, patch, { signal });
  if (!options.wait) {
    show(session, asked, options.output);
    return exitCodes.ok;
  }
  const patience = AbortSignal.any([signal, AbortSignal.timeout(options.timeout * 1000)]);
  let last = asked;
  let progress: RotationProgress = { state: 'going', rotated: 0, targets: 0 };
  try {
    for await (const rotation of follow(cluster, passwordRotations, ref, clock, patience)) {
      if (!rotation) throw new Error(`the PasswordRotation ${name} was deleted by somebody else`);
      last = rotation;
      const next = rotationProgress(value, rotation);
      if (next.rotated !== progress.rotated && process.stderr.isTTY) tell(`${next.rotated} of ${next.targets} rotated`);
      progress = next;
      if (progress.state !== 'going') break;
    }
  } catch (error) {
    if (!patience.aborted || signal.aborted) throw error;
  }
  show(session, last, options.output);
  if (progress.state === 'stuck') tell(`kubectl qga: ${progress.why}`);
  if (progress.state === 'going') tell(tooLate(options.timeout, progress));
  if (options.output === undefined) print(`${progress.rotated} of ${progress.targets} guests rotated`);
  return { rotated: exitCodes.ok, stuck: exitCodes.wrong, going: exitCodes.timedOut }[progress.state];
}

function tooLate(timeout: number, { why }: RotationProgress): string {
  return `not everywhere after ${timeout} s: it goes on by itself${why === undefined ? '' : `; but ${why}`}`;
}

function show(session: Session, rotation: PasswordRotation, output: RotateOptions['output']): void {
  if (output === 'json' || output === 'yaml') session.print(structured(output, rotation));
  else if (output === 'name') session.print(nameOf(passwordRotations, rotation.metadata.name));
  else session.print(...rotationLines(rotation, session.paint));
}
