import { type FsFreezeWindow, fsFreezeWindows, type GuestTask, guestTasks, isOverPhase } from '../../api/resources.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import type { Session } from '../connect/session.ts';
import { exitCodes } from '../exit-codes.ts';
import { isOver, verdictLines } from '../freeze/outcome.ts';
import { type Release, releaseTask, releaseWindow } from '../freeze/release.ts';
import { runTask, type TaskSession } from '../tasks/run-task.ts';
import type { ThawPlan } from './plan.ts';

export interface LettingGo {
  plan: Pick<ThawPlan, 'windows' | 'tasks' | 'strangers'>;
  /** Thaw those, too, that nothing of this cluster holds. */
  force: boolean;
  timeoutSeconds: number;
}

type LetGoSession = TaskSession & Pick<Session, 'paint' | 'print'>;

/** What holds guests, and how it is let go and waited for. */
interface Holding {
  name: string;
  release(): Promise<Release>;
  /** Resolves when it holds nothing any more; says what came of it. */
  ended(): Promise<void>;
}

/**
 * Lets go of all that a plan names, windows first, and waits for it: whatever fails of it is told, and keeps nobody from
 * letting the others go. Answers the exit code. Rejects with the reason of the session's signal.
 */
export async function letGo(session: LetGoSession, { plan, force, timeoutSeconds }: LettingGo): Promise<number> {
  const { tell, signal } = session;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
  const holdings = [
    ...plan.windows.map((window) => asHolding(session, window, patience)),
    ...plan.tasks.map((task) => taskAsHolding(session, task, patience)),
  ];
  const codes = await Promise.all(
    holdings.map(async ({ name, release, ended }) => {
      try {
        // All are sent before any is waited for, since each begins at once.
        const released = await release();
        if (released.state === 'failed') throw new Error(released.message);
        await ended();
        return exitCodes.ok;
      } catch (error) {
        signal.throwIfAborted();
        tell(`${name}: ${patience.aborted ? 'not known to be thawed in time' : messageOf(error)}`);
        return patience.aborted ? exitCodes.timedOut : exitCodes.failed;
      }
    }),
  );
  if (codes.includes(exitCodes.timedOut)) {
    tell(`not everything is known to be thawed after ${timeoutSeconds} s: kubectl qga get, or look again`);
  }
  return worst([...codes, await strangersThawed(session, plan.strangers, force)]);
}

function asHolding(session: LetGoSession, window: FsFreezeWindow, patience: AbortSignal): Holding {
  const { cluster, clock, print, paint } = session;
  const { metadata } = window;
  const name = `window ${metadata.name}`;
  return {
    name,
    release: () => releaseWindow(cluster, metadata, clock, patience),
    async ended() {
      const last = await untilHolds(follow(cluster, fsFreezeWindows, metadata, clock, patience), isOver);
      const story = {
        window: last,
        releasedByUs: true,
        command: undefined,
        hasCommand: false,
        interruptedBy: undefined,
      };
      print(`${name}:`, ...verdictLines(story, paint));
    },
  };
}

function taskAsHolding(session: LetGoSession, task: GuestTask, patience: AbortSignal): Holding {
  const { cluster, clock, print } = session;
  const { metadata, spec } = task;
  const name = `task ${metadata.name} of guest ${spec.guestName}`;
  return {
    name,
    release: () => releaseTask(cluster, metadata, clock, patience),
    async ended() {
      const states = follow(cluster, guestTasks, metadata, clock, patience);
      const over = await untilHolds(states, ({ status }) => isOverPhase(status?.phase));
      print(`${name}: ${over?.status?.freeze?.verdict ?? over?.status?.phase ?? 'deleted'}`);
    },
  };
}

async function strangersThawed(
  session: LetGoSession,
  strangers: ThawPlan['strangers'],
  force: boolean,
): Promise<number> {
  const { tell, print, signal } = session;
  const names = strangers.map(({ metadata }) => metadata.name);
  if (names.length === 0) return exitCodes.ok;
  if (!force) {
    tell(`${names.join(', ')}: frozen, and by nothing of this cluster. Find out by whom, or thaw with --force`);
    return exitCodes.wrong;
  }
  const action = { command: { execute: 'guest-fsfreeze-thaw' } };
  const codes = await Promise.all(
    names.map(async (guest) => {
      try {
        await runTask(session, { guest, action, prefix: 'thaw', seconds: 60 });
        print(`guest ${guest}: thawed`);
        return exitCodes.ok;
      } catch (error) {
        signal.throwIfAborted();
        tell(`guest ${guest} was not thawed: ${messageOf(error)}`);
        return exitCodes.failed;
      }
    }),
  );
  return worst(codes);
}

const fromWorst: readonly number[] = [exitCodes.failed, exitCodes.timedOut, exitCodes.wrong];

function worst(codes: readonly number[]): number {
  return fromWorst.find((code) => codes.includes(code)) ?? exitCodes.ok;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
