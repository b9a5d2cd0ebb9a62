import { exitCodes } from '../exit-codes.ts';
import { runTask } from '../tasks/run-task.ts';
import { guestHolding, type LetGoSession, taskHolding, windowHolding } from './holding.ts';
import type { ThawPlan } from './plan.ts';

export interface LettingGo {
  plan: Pick<ThawPlan, 'windows' | 'tasks' | 'owed' | 'strangers'>;
  /** Thaw those, too, that nothing of this cluster holds. */
  force: boolean;
  timeoutSeconds: number;
}

/**
 * Lets go of all that a plan names, windows first, and waits for it: whatever fails of it is told, and keeps nobody from
 * letting the others go. Answers the exit code. Rejects with the reason of the session's signal.
 */
export async function letGo(session: LetGoSession, { plan, force, timeoutSeconds }: LettingGo): Promise<number> {
  const { tell, signal } = session;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
  const holdings = [
    ...plan.windows.map((window) => windowHolding(session, window, patience)),
    ...plan.tasks.map((task) => taskHolding(session, task, patience)),
    ...plan.owed.map((guest) => guestHolding(session, guest, patience)),
  ];
  const codes = await Promise.all(
    holdings.map(async ({ name, release, ended, owing }) => {
      const owed = owing();
      if (owed !== undefined) tell(`${name}: ${owed}`);
      try {
        // All are sent before any is waited for, since each begins at once.
        const released = await release();
        if (released.state === 'failed') throw new Error(released.message);
        await ended();
        return exitCodes.ok;
      } catch (error) {
        signal.throwIfAborted();
        const late = ['not known to be thawed in time', owing()].filter((each) => each !== undefined).join(': ');
        tell(`${name}: ${patience.aborted ? late : messageOf(error)}`);
        return patience.aborted ? exitCodes.timedOut : exitCodes.failed;
      }
    }),
  );
  if (codes.includes(exitCodes.timedOut)) {
    tell(`not everything is known to be thawed after ${timeoutSeconds} s: kubectl qga get, or look again`);
  }
  return worst([...codes, await strangersThawed(session, plan.strangers, force)]);
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
