import type { Hold } from '../../guest/hold.ts';
import type { Sent } from '../../guest/journal.ts';
import { keyOf } from '../../kube/objects.ts';
import { holdOf } from '../freeze-note.ts';
import type { Abandoned, ActionRun } from './action.ts';
import { freezeOf } from './freeze-preparation.ts';

/** How an earlier life of this process, or its keeper, let go of it; undefined where it has to be let go of still. */
export function endedBefore({ sentBefore }: ActionRun): Hold | undefined {
  const hold = holdOf(sentBefore);
  return hold?.stage === 'over' && !hold.result.thawOwed ? hold : undefined;
}

/** A hold that was left to the host that the guest had gone to, and that is this one's again: the guest is looked for. */
export function leftBefore(sentBefore: ActionRun['sentBefore']): Hold | undefined {
  const hold = holdOf(sentBefore);
  if (hold?.stage !== 'over' || !hold.result.thawOwed) return undefined;
  const { forsaken: _, ...left } = hold;
  const { thawOwed: __, ...result } = hold.result;
  return { ...left, stage: 'away', left: 'moved', result };
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
export function abandonedHold({ sent, clock }: Abandoned, uid: string): Hold | undefined {
  const hold = holdOf(sent);
  if (hold?.stage === 'over') return leftBefore(sent);
  if (!sent.takenOver) return undefined;
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
