import type { SeenEffect } from '../../../api/schema/command-action.ts';
import { type ActionRun, DeadlineReached, type Ending } from '../action.ts';
import type { AskedCommand } from './asked.ts';
import { type ExpectedEffect, effectMessage, effectOf, isAsAsked } from './effect.ts';
import { type EffectNote, effectNoteOf } from './effect-note.ts';
import { EffectWatch } from './effect-watch.ts';
import { outcomeUnknown, send } from './send.ts';
import { wake, wakeNow } from './wake.ts';

/** A call whose success is that nobody is left to answer it: waiting long for an answer is in vain. */
const longestAnswerSeconds = 10;

/** Sends a command that succeeds without an answer, and follows what it does to the domain to its end. */
export async function carryEffect(
  run: ActionRun,
  asked: AskedCommand,
  expected: ExpectedEffect,
): Promise<Ending | undefined> {
  const { guest, clock, sentBefore } = run;
  const before = effectNoteOf(sentBefore);
  let note: EffectNote = before ?? { sentAt: clock.now(), wakes: asked.wakeAfterSeconds !== undefined };
  const watch = new EffectWatch(guest, clock);
  try {
    let doubt: string | undefined;
    if (before) {
      doubt = "this node's agent was started anew meanwhile";
      watch.begin(sentBefore?.bootId);
    } else {
      // What happened while it waited for its turn is not its doing, and takes nothing from its time.
      const beforeSent = async () => {
        note = { ...note, sentAt: clock.now() };
        await run.note(note);
        watch.begin(guest.bootId);
      };
      const sending = await send(run, asked, Math.min(asked.timeoutSeconds, longestAnswerSeconds), beforeSent);
      if (sending.kind === 'ended') return sending.ending;
      if (sending.kind === 'unknown') doubt = sending.why;
    }
    let seen = note.suspended ? 'Suspended' : await untilSeen(run, asked, expected, watch, note);
    if (seen === undefined && asked.wakeAfterSeconds !== undefined) {
      // It may be falling asleep just now, with nobody to wake it later.
      await wakeNow(run);
      seen = await untilSeen(run, asked, expected, watch, note);
    }
    if (seen === 'left') return outcomeUnknown(asked, 'the guest left this host');
    if (seen === 'deadline' || seen === undefined) return notSeen(asked, seen, doubt);
    if (seen === 'Suspended' && asked.wakeAfterSeconds !== undefined) {
      return await wake(run, asked.command.name, note.sentAt + asked.wakeAfterSeconds * 1000, note);
    }
    const message = effectMessage(expected, seen);
    const command = { sent: asked.command.sentAs, seen };
    return isAsAsked(expected, seen)
      ? { phase: 'Succeeded', reason: 'Completed', message, command }
      : { phase: 'Failed', reason: 'EffectNotSeen', message: `it was not suspended: ${message}`, command };
  } finally {
    watch.close();
  }
}

async function untilSeen(
  { clock, stopped, withdrawn }: ActionRun,
  { timeoutSeconds, wakeAfterSeconds }: AskedCommand,
  expected: ExpectedEffect,
  watch: EffectWatch,
  { sentAt }: EffectNote,
): Promise<SeenEffect | 'deadline' | 'left' | undefined> {
  for (;;) {
    const sight = await watch.look(stopped);
    if (sight === 'left') return sight;
    const seen = sight && effectOf(expected, sight);
    if (seen) return seen;
    // A wake-up that will be owed is not left to nobody.
    if (withdrawn.aborted && wakeAfterSeconds === undefined) {
      if (withdrawn.reason instanceof DeadlineReached) return 'deadline';
      throw withdrawn.reason;
    }
    // One that falls asleep before its wake-up is due is still to be woken; withdrawn, it is due at once.
    const seconds = Math.max(timeoutSeconds, withdrawn.aborted ? 0 : (wakeAfterSeconds ?? 0));
    if (sight && clock.now() >= sentAt + seconds * 1000) return undefined;
    await watch.next(stopped);
  }
}

function notSeen(asked: AskedCommand, why: 'deadline' | undefined, doubt: string | undefined): Ending {
  if (doubt !== undefined) return outcomeUnknown(asked, `${doubt}, and the guest still runs`);
  const command = { sent: asked.command.sentAs };
  const message = `the guest's agent took ${asked.command.sentAs}, and the guest still runs: it may yet come to it`;
  return why === 'deadline'
    ? { phase: 'Failed', reason: 'DeadlineExceeded', message, command }
    : { phase: 'Failed', reason: 'EffectNotSeen', message, command };
}
