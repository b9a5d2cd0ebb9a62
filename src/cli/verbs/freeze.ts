import { Command, Option } from 'commander';
import { type FsFreezeWindow, fsFreezeWindows } from '../../api/resources.ts';
import { assertKnown } from '../connect/known-target.ts';
import { type ConnectionOptions, type Session, withSession } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { exitCodeOfFreeze, isConsistent, verdictLines } from '../freeze/outcome.ts';
import { detached, freezeAround } from '../freeze/run-freeze.ts';
import { type FreezeRequest, longestFreezeSeconds } from '../freeze/window.ts';
import {
  collected,
  connected,
  type OutputOptions,
  outputOption,
  seconds,
  selectorOption,
  withExamples,
} from '../options.ts';
import { paintFor } from '../print/paint.ts';
import { nameOf, structured } from '../print/structured.ts';
import { targetOf } from '../target.ts';
import { UsageError } from '../usage-error.ts';

interface FreezeOptions extends ConnectionOptions, OutputOptions<'json' | 'yaml' | 'name'> {
  selector?: string;
  for: number;
  group?: true;
  perGuest?: true;
  policy: FreezeRequest['policy'];
  mountpoint: string[];
  wait: number;
  detach?: true;
}

/** `kubectl qga freeze` */
export function freezeCommand(words: readonly string[]): Command {
  const command = new Command('freeze')
    .description(
      "Hold guests' filesystems still, run a command on this machine meanwhile, and always let go: when the command ends, on Ctrl-C, and after --for whatever happens.",
    )
    .usage('[options] GUEST|-l SELECTOR [-- LOCAL COMMAND…]')
    .argument('[guest]', 'a Guest of the namespace')
    .addOption(selectorOption())
    .addOption(
      new Option('--for <duration>', 'thawed at the latest after this, 10m at most')
        .argParser(seconds)
        .default(30, '30s'),
    )
    .option('--group', 'all at one instant, and one that fails lets all go; the default')
    .option('--per-guest', 'each as soon as it is ready, with a verdict of its own')
    .addOption(
      new Option('--policy <policy>', "for guests that can't be frozen: fail, or go on without them")
        .choices(['Required', 'BestEffort', 'Skip'])
        .default('Required'),
    )
    .addOption(
      new Option('--mountpoint <path>', 'freeze only this; may be given several times')
        .argParser(collected)
        .default([], 'all filesystems'),
    )
    .addOption(
      new Option('--wait <duration>', 'how long guests may take to be prepared').argParser(seconds).default(60, '60s'),
    )
    .option('--detach', 'print the name of the window once all are frozen, and leave; kubectl qga thaw releases it')
    .addOption(outputOption('json', 'yaml', 'name'))
    .action(async (guest: string | undefined, options: FreezeOptions) => {
      const request = requestOf(guest, options);
      if (options.detach && words.length > 0) throw new UsageError('--detach runs no command');
      await withSession(options, async (session) => {
        await assertKnown(session, request.target, options.selector);
        return await freeze(session, request, words, options);
      });
    });
  return withExamples(
    connected(command),
    [
      'kubectl qga freeze web-1 --for 60s -- ./snapshot-lun.sh',
      'kubectl qga freeze -l app=shop --group --for 2m -- zfs snapshot -r tank/shop@nightly',
      'kubectl qga freeze db-1 --mountpoint /var/lib/postgresql --for 30s',
      'WINDOW=$(kubectl qga freeze -l app=web --for 5m --detach); backup; kubectl qga thaw "$WINDOW"',
    ],
    [
      "0 the command succeeded and what it copied is consistent; the command's own code when it failed",
      '123 the command succeeded, but the verdict is not Consistent, or the freeze ended first: throw the copy away',
      '125 not all could be frozen, and the command was never run; 2 bad usage',
      '130 after Ctrl-C, 143 after SIGTERM: the guests are thawed. Without a command Ctrl-C just ends the freeze',
    ].join('\n  '),
  );
}

function requestOf(guest: string | undefined, options: FreezeOptions): FreezeRequest {
  const { selector, group, perGuest, policy, mountpoint, wait } = options;
  if (group && perGuest) throw new UsageError('--group and --per-guest exclude each other');
  if (options.for > longestFreezeSeconds) throw new UsageError('a freeze lasts 10m at most');
  return {
    target: targetOf(guest, selector),
    seconds: options.for,
    group: !perGuest,
    policy,
    mountpoints: mountpoint,
    waitSeconds: wait,
  };
}

async function freeze(
  session: Session,
  request: FreezeRequest,
  command: readonly string[],
  { output, detach }: FreezeOptions,
): Promise<number> {
  if (detach) return await freezeAndLeave(session, request, output);
  const story = await freezeAround(session, request, command);
  if (output === 'json' || output === 'yaml') {
    const { window } = story;
    session.print(structured(output, { window, consistent: isConsistent(story), exitCode: exitCodeOfFreeze(story) }));
  } else if (output === 'name' && story.window) session.print(windowName(story.window));
  // The command's output is what a script reads.
  else session.tell(...verdictLines(story, paintFor(process.stderr)));
  return exitCodeOfFreeze(story);
}

async function freezeAndLeave(
  session: Session,
  request: FreezeRequest,
  output: FreezeOptions['output'],
): Promise<number> {
  const { window, frozen } = await detached(session, request);
  if (!window || !frozen) {
    const story = { window, releasedByUs: true, command: undefined, hasCommand: false, interruptedBy: undefined };
    session.tell(...verdictLines(story, paintFor(process.stderr)));
    return exitCodes.failed;
  }
  session.print(output === 'json' || output === 'yaml' ? structured(output, window) : windowName(window));
  return exitCodes.ok;
}

function windowName({ metadata }: FsFreezeWindow): string {
  return nameOf(fsFreezeWindows, metadata.name);
}
