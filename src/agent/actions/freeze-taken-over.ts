import type { Hold } from '../../guest/freeze-hold.ts';
import type { Sent } from '../../guest/journal.ts';
import { keyOf } from '../../kube/objects.ts';
import { holdOf } from '../freeze-note.ts';
import type { Abandoned, ActionRun } from './action.ts';
import { freezeOf } from './freeze-preparation.ts';

/** How an earlier life of this process let go of it; undefined where it has to be let go of still. */
export function endedBefore(run: ActionRun): Hold | undefined {
  const { sentBefore } = run;
  const hold = holdOf(sentBefore);
  if (hold?.stage !== 'over') return undefined;
  const isBack = hasLeftFrozen(sentBefore) && isHere(run);
  return isBack ? undefined : hold;
}

/** Whether this host runs the guest, as far as it knows: that it left is known before its domain is seen to be gone. */
export function isHere({ guest, clock }: Pick<ActionRun, 'guest' | 'clock'>): boolean {
  return guest.domain?.movedAway === false && guest.departure.awaitedMs(clock.monotonic()) === 0;
}

/** The guest left this host while it was frozen, perhaps: wherever it is now, it is to be thawed. */
export function hasLeftFrozen(sentBefore: ActionRun['sentBefore']): sentBefore is Sent {
  const hold = holdOf(sentBefore);
  return hold?.stage === 'over' && hold.result.thawOwed === true;
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
  const known: Known = {
    task: keyOf(task),
    mountpoints,
    after: hooks?.after,
    maxFrozenMs: maxFrozenSeconds * 1000,
    result: holdOf(sentBefore)?.result ?? task.status?.freeze ?? {},
  };
  return letGoAtOnce(known, sentBefore, clock.now(), `guest ${task.spec.guestName}`);
}

/**
 * The same where the task is gone; undefined where nothing has to be let go of that isn't under way. What another may
 * have begun is not known to be a freeze before it is thawed.
 */
export function abandonedHold({ sent, guest, clock }: Abandoned, uid: string): Hold | undefined {
  const hold = holdOf(sent);
  const mayBeFrozen = hold?.stage === 'over' ? hasLeftFrozen(sent) && isHere({ guest, clock }) : sent.takenOver;
  if (!mayBeFrozen) return undefined;
  const known = hold ?? { task: sent.task ?? uid, maxFrozenMs: 0, result: {} };
  return letGoAtOnce(known, sent, clock.now(), 'the guest');
}

type Known = Pick<Hold, 'task' | 'mountpoints' | 'after' | 'maxFrozenMs' | 'result'>;

function letGoAtOnce(known: Known, { takenOver }: Sent, now: number, guest: string): Hold {
  const { task, mountpoints, after, maxFrozenMs, result: told } = known;
  const { thawOwed: _, ...result } = told;
  const moved = takenOver !== 'JournalLost';
  const message = moved
    ? `${guest} was moved to this host while the freeze was under way: it was thawed`
    : 'the journal that knew of the freeze is gone: the guest was thawed';
  return {
    task,
    ...(mountpoints && { mountpoints }),
    ...(after && { after }),
    maxFrozenMs,
    deadline: now,
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
