import { type FsFreezeWindow, fsFreezeWindows } from '../../api/resources.ts';
import { createOnce, isCertainlyNotMade } from '../connect/effects.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import { Interrupted } from '../connect/interruption.ts';
import type { Session } from '../connect/session.ts';
import { freshName } from '../object-name.ts';
import { NoManagerActed, untilDecided } from './decision.ts';
import { startLocal } from './local-command.ts';
import { type CommandEnd, type FreezeStory, isBroken, isEnding, isOver } from './outcome.ts';
import { type Release, releaseWindow } from './release.ts';
import { type FreezeRequest, windowOf } from './window.ts';

/** Agents thaw at the deadline at the latest; their word needs a moment more. */
const lastWordMs = 45_000;

/**
 * Freezes, runs the command while all are frozen, and lets go whatever happens: the window is released as soon as the
 * command has ended, this process is told to end, or anything here fails. Should even this process be killed, the guests
 * are thawed at their deadline.
 */
export async function freezeAround(
  session: Session,
  request: FreezeRequest,
  command: readonly string[],
): Promise<FreezeStory> {
  const { cluster, clock, signal } = session;
  const window = newWindow(session, request);
  let end: CommandEnd | undefined;
  let interruptedBy: NodeJS.Signals | undefined;
  let problem: Error | undefined;
  let made = false;
  try {
    await createOnce(cluster, fsFreezeWindows, window, clock, signal);
    made = true;
    const decided = await untilDecided(session, window, request);
    if (decided && isHeld(decided)) end = await whileFrozen(session, window, request, command);
  } catch (error) {
    if (!made && isCertainlyNotMade(error)) throw error;
    if (error instanceof Interrupted) interruptedBy = error.signal;
    else problem = error as Error;
  }
  const { last, release } = await letGo(session, window, request, problem);
  if (problem) throw problem;
  return {
    window: last,
    releasedByUs: release.state === 'released',
    command: end,
    hasCommand: command.length > 0,
    interruptedBy,
  };
}

/** Freezes and leaves it at that: who asked for it releases the window, or its deadline does. */
export async function detached(
  session: Session,
  request: FreezeRequest,
): Promise<{ window: FsFreezeWindow | undefined; frozen: boolean }> {
  const { cluster, clock, signal } = session;
  const window = newWindow(session, request);
  let made = false;
  try {
    await createOnce(cluster, fsFreezeWindows, window, clock, signal);
    made = true;
    const decided = await untilDecided(session, window, request);
    if (decided && isHeld(decided)) return { window: decided, frozen: true };
  } catch (error) {
    if (made || !isCertainlyNotMade(error)) await letGo(session, window, request, error);
    throw error;
  }
  const { last } = await letGo(session, window, request);
  return { window: last, frozen: false };
}

function newWindow({ random, namespace }: Session, request: FreezeRequest): FsFreezeWindow {
  return windowOf(request, { name: freshName('freeze', random), namespace });
}

function isHeld(window: FsFreezeWindow): boolean {
  return window.status?.phase === 'Frozen' && !isBroken(window);
}

async function whileFrozen(
  session: Session,
  { metadata }: FsFreezeWindow,
  { seconds }: FreezeRequest,
  command: readonly string[],
): Promise<CommandEnd | undefined> {
  const { cluster, clock, signal, namespace, tell } = session;
  signal.throwIfAborted();
  tell(`frozen: window ${metadata.name}, for ${seconds}s at most${command.length > 0 ? '' : '; Ctrl-C thaws'}`);
  const watching = new AbortController();
  const states = follow(cluster, fsFreezeWindows, metadata, clock, AbortSignal.any([signal, watching.signal]));
  let isTold = false;
  const ending = untilHolds(states, isEnding, (seen) => {
    if (isTold || !isBroken(seen) || isEnding(seen)) return;
    isTold = true;
    tell(`kubectl qga: not all guests are frozen any more: ${seen.status?.failureReason}`);
  });
  if (command.length === 0) {
    await ending;
    return undefined;
  }
  const local = startLocal(command, { QGA_NAMESPACE: namespace, QGA_FREEZE_WINDOW: metadata.name });
  const warned = ending.then(
    () => tell(`kubectl qga: the freeze has ended before the command did: what it copies now is not consistent`),
    () => {},
  );
  try {
    return await orInterrupted(local.ended, signal);
  } catch (error) {
    // A terminal tells all of its foreground processes of Ctrl-C; others are told by us.
    if (error instanceof Interrupted)
      local.leave(error.signal === 'SIGINT' && process.stdin.isTTY ? undefined : error.signal);
    throw error;
  } finally {
    watching.abort();
    await warned;
  }
}

/** Rejects with the signal's reason when it aborts first. */
async function orInterrupted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Releases the window, and waits for its last word as long as that can take, unless what failed is that nobody has one. */
async function letGo(
  { cluster, clock, random, tell }: Session,
  { metadata }: FsFreezeWindow,
  { seconds }: FreezeRequest,
  problem?: unknown,
): Promise<{ last: FsFreezeWindow | undefined; release: Release }> {
  const patience = AbortSignal.timeout(seconds * 1000 + lastWordMs);
  const release = await releaseWindow(cluster, metadata, { clock, random }, patience);
  if (release.state === 'gone') return { last: undefined, release };
  if (release.state === 'failed') {
    tell(`kubectl qga: the release failed: ${release.message}; the guests thaw by themselves after ${seconds}s`);
  }
  if (problem instanceof NoManagerActed) return { last: undefined, release };
  let last: FsFreezeWindow | undefined;
  const states = follow(cluster, fsFreezeWindows, metadata, clock, patience);
  try {
    await untilHolds(states, isOver, (window) => {
      last = window;
    });
  } catch (error) {
    tell(`kubectl qga: how the window ended is not known: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { last, release };
}
