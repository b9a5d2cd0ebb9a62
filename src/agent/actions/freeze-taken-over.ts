import type { Hold } from '../../guest/freeze-hold.ts';
import type { Sent } from '../../guest/journal.ts';
import { keyOf } from '../../kube/objects.ts';
import type { ActionRun } from './action.ts';
import { freezeOf } from './freeze-preparation.ts';

/** How an earlier life of this process let go of it; undefined where it has to be let go of still. */
export function endedBefore(run: ActionRun): Hold | undefined {
  const { sentBefore } = run;
  const note = sentBefore?.note as Hold | undefined;
  if (note?.stage !== 'over') return undefined;
  const isBack = hasLeftFrozen(sentBefore) && isHere(run);
  return isBack ? undefined : note;
}

/** Whether this host runs the guest, as far as it knows: that it left is known before its domain is seen to be gone. */
export function isHere({ guest, clock }: ActionRun): boolean {
  return guest.domain?.movedAway === false && guest.departure.awaitedMs(clock.monotonic()) === 0;
}

/** The guest left this host while it was frozen, perhaps: wherever it is now, it is to be thawed. */
export function hasLeftFrozen(sentBefore: ActionRun['sentBefore']): sentBefore is Sent {
  const note = sentBefore?.note as Hold | undefined;
  return note?.stage === 'over' && note.result.thawOwed === true;
}

/** What this host had sent before the guest left it and came back. */
export function sentAsMoved({ task, guest, sentBefore }: ActionRun): Sent {
  const { bootId } = task.status?.claim ?? {};
  const sent: Sent = { guest: guest.agent.uuid, action: 'freeze', takenOver: 'GuestMoved' };
  return sentBefore ?? { ...sent, ...(bootId !== undefined && { bootId }) };
}

/**
 * A guest that came from another host may have come frozen, and one whose journal was lost may be: it is thawed at once,
 * since nobody can tell any more what was copied of it meanwhile.
 */
export function takenOverHold({ task, clock }: ActionRun, sentBefore: Sent): Hold {
  const { mountpoints, maxFrozenSeconds, hooks } = freezeOf(task);
  const known = (sentBefore.note as Hold | undefined)?.result ?? task.status?.freeze ?? {};
  const { thawOwed: _, ...result } = known;
  const moved = sentBefore.takenOver !== 'JournalLost';
  const message = moved
    ? `guest ${task.spec.guestName} was moved to this host while the freeze was under way: it was thawed`
    : 'the journal that knew of the freeze is gone: the guest was thawed';
  return {
    task: keyOf(task),
    ...(mountpoints && { mountpoints }),
    ...(hooks?.after && { after: hooks.after }),
    maxFrozenMs: maxFrozenSeconds * 1000,
    deadline: clock.now(),
    stage: 'unsure',
    needsProof: true,
    // What an earlier life of this agent sent may still be on its way.
    mayArriveLate: !moved,
    // It is armed before anybody tells of it.
    mayBeGuarded: result.guard === undefined,
    ending: moved
      ? { by: 'Migration', reason: 'GuestMoved', message }
      : { by: 'AgentRestart', reason: 'JournalLost', message },
    ...(result.frozenAt !== undefined && { lost: message }),
    result,
  };
}
