import { callPriority } from '../../../guest/guest-agent.ts';
import { LibvirtError, NotConnectedError } from '../../../libvirt/errors.ts';
import { guestPing } from '../../../qga/commands.ts';
import { AgentError } from '../../../qga/errors.ts';
import { timestamp } from '../../../seams/clock.ts';
import { type Abandoned, type ActionRun, DeadlineReached, type Ending } from '../action.ts';
import type { EffectNote } from './effect-note.ts';

/** What waking a guest takes, with a task or after it. */
type Care = Pick<Abandoned, 'guest' | 'clock' | 'stopped'>;

const firstRetryMs = 250;
const longestRetryMs = 10_000;
/** What can't be woken for so long is left to a person. */
const longestMs = 15 * 60_000;
const pingSeconds = 5;

/**
 * Wakes a suspended guest when it is due, `dueAt` in milliseconds since the epoch, and waits for its agent. It is owed:
 * the journal knows, and a task that is deleted or whose deadline comes has its guest woken at once.
 */
export async function wake(run: ActionRun, sent: string, dueAt: number, note: EffectNote): Promise<Ending> {
  const { withdrawn } = run;
  await run.note({ ...note, suspended: true } satisfies EffectNote);
  run.show({ phase: 'Running', reason: 'Suspended', message: `suspended; woken at ${timestamp(dueAt)}` });
  await untilDue(run, dueAt);
  const woken = await wakeNow(run);
  if (woken === 'awake') {
    if (withdrawn.aborted && !(withdrawn.reason instanceof DeadlineReached)) throw withdrawn.reason;
    const message = 'the guest suspended itself, was woken, and its agent answers';
    return { phase: 'Succeeded', reason: 'Completed', message, command: { sent, seen: 'Woken' } };
  }
  if (woken === 'off') {
    const message = 'the guest suspended itself, and was off before it could be woken';
    return { phase: 'Failed', reason: 'NotWoken', message, command: { sent, seen: 'Stopped' } };
  }
  const message = `the guest is suspended and could not be woken (virsh dompmwakeup): ${woken.problem}`;
  return { phase: 'Failed', reason: 'NotWoken', message, command: { sent, seen: 'Suspended' } };
}

/** Wakes a guest where it sleeps, and waits for its agent; keeps at it for a quarter of an hour. */
export async function wakeNow(care: Care): Promise<'awake' | 'off' | { problem: string }> {
  const { clock, stopped } = care;
  const until = clock.monotonic() + longestMs;
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    const look = await tryToWake(care);
    if (look === 'awake' || look === 'off' || clock.monotonic() > until) return look;
    await clock.sleep(waitMs, stopped);
  }
}

async function untilDue({ clock, stopped, withdrawn }: ActionRun, dueAt: number): Promise<void> {
  try {
    await clock.sleep(Math.max(0, dueAt - clock.now()), AbortSignal.any([stopped, withdrawn]));
  } catch (error) {
    if (stopped.aborted || !withdrawn.aborted) throw error;
  }
}

async function tryToWake({ guest: { agent }, stopped }: Care): Promise<'awake' | 'off' | { problem: string }> {
  try {
    if (await agent.isOff(stopped)) return 'off';
    if ((await agent.domain(stopped))?.state === 'pmsuspended') await agent.wakeUp(stopped);
    await agent.call(guestPing, {}, { priority: callPriority.action, signal: stopped, timeoutSeconds: pingSeconds });
    return 'awake';
  } catch (error) {
    const expected = error instanceof AgentError || error instanceof LibvirtError || error instanceof NotConnectedError;
    if (!expected) throw error;
    return { problem: error.message };
  }
}
