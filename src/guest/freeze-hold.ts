import type { FreezeHook, FreezeResult } from '../api/schema/freeze.ts';
import type { AgentError } from '../qga/errors.ts';
import { microTimestamp } from '../seams/clock.ts';
import { failureReason } from './failure-reason.ts';

export type FreezeEnd = NonNullable<FreezeResult['endedBy']>;

/** Why a hold ends: who ends it, and for one that nobody asked to end, the reason. */
export interface HoldEnding {
  by: FreezeEnd;
  reason?: string;
  message?: string;
}

/**
 * One guest's freeze, from before it is sent until nothing of it is left. All of it is kept in the node's journal: the
 * next life of the process goes on from here. Times are milliseconds since the epoch.
 */
export interface Hold {
  /** The task's `namespace/name`: told to those who wait for the guest. */
  task: string;
  /** All filesystems where it is missing. */
  mountpoints?: readonly string[] | undefined;
  maxFrozenMs: number;
  /** Thawed at the latest then. On the disk before the freeze is sent. */
  deadline: number;
  /** Run in the guest afterwards, though the task be gone. */
  after?: readonly FreezeHook[] | undefined;
  /**
   * `planned`: not sent. `sent`: on its way. `unsure`: sent and not answered; the guest may be frozen, now or later (C25,
   * C39). `refused`: the agent said no. `held`: the agent said that it is frozen. `thawed`: nothing of it is frozen, as
   * far as is known; what is left to do is to make sure of that and to disarm the guard. `away`: it left the host, frozen
   * perhaps, and is thawed as soon as it runs here again. `over`: nothing is left of it.
   */
  stage: 'planned' | 'sent' | 'unsure' | 'refused' | 'held' | 'thawed' | 'away' | 'over';
  /** How it left: to another host, or to a file that it is restored from. */
  left?: Leaving;
  /** One that was saved was seen to be still defined: without its domain nobody starts it again. */
  defined?: true;
  /** Nobody asks this host for it any more: its task is another's, or is gone. */
  forsaken?: 'moved' | 'deleted';
  /** Whatever of the freeze is under way may arrive after an answer to a later call: the connection broke meanwhile. */
  mayArriveLate?: boolean;
  /** A status of after the thaw must say so: a freeze whose answer was lost may be carried out after it. */
  needsProof?: boolean;
  ending?: HoldEnding;
  /** Why nothing that was copied meanwhile is consistent. The first cause counts. */
  lost?: string;
  /** A thaw may have been carried out whose count was lost. */
  thawUnanswered?: boolean;
  /** A thaw was tried and failed: one is owed. */
  thawFailed?: boolean;
  /** The agent said no to the last thaw, as Windows' does of what has thawed by itself (C27): its status tells. */
  thawRefused?: boolean;
  /** Whoever froze it may have armed a guard, of which nobody here knows. */
  mayBeGuarded?: boolean;
  guardDisarmed?: boolean;
  /** The evidence so far. */
  result: FreezeResult;
}

export type Leaving = 'moved' | 'saved';

/** What becomes known of a hold. `at`: milliseconds since the epoch. */
export type HoldNews =
  | { kind: 'sent'; at: number }
  | { kind: 'frozen'; count: number; at: number }
  | { kind: 'freezeFailed'; error: AgentError }
  /** A thaw is sent: from now on the guest may be thawed. */
  | { kind: 'thawSent'; at: number }
  | { kind: 'thawed'; count: number; at: number }
  | { kind: 'thawFailed'; error: AgentError }
  | { kind: 'status'; frozen: boolean }
  | { kind: 'statusUnknown' }
  | { kind: 'end'; ending: HoldEnding }
  /** The guest was shut off or cut off: nothing of it is frozen any more. */
  | { kind: 'stopped' }
  /** The guest was moved to another host or saved to disk as it was: frozen. */
  | { kind: 'left'; how: Leaving }
  /** One that was away runs here. */
  | { kind: 'back' }
  /** One that was away does not, though its domain may still be `defined`. */
  | { kind: 'notBack'; defined: boolean }
  /** The task is another host's. */
  | { kind: 'forsaken' }
  | { kind: 'suspended' }
  /** The agent's broken channel was plugged in anew: the agent, as it ended, thawed what it had frozen (C35). */
  | { kind: 'replugged' }
  | { kind: 'disarmed'; guardFired: boolean; bootId: string | undefined }
  | { kind: 'guardUnreachable' }
  /** The process that held it has died, and this is the next. */
  | { kind: 'restarted'; at: number };

/** The hold after some news. Pure. */
export function foldHold(hold: Hold, news: HoldNews): Hold {
  if (hold.stage === 'over') return hold;
  if (hold.stage === 'away') return whileAway(hold, news);
  const { result } = hold;
  switch (news.kind) {
    case 'sent':
      return { ...hold, stage: 'sent', result: { ...result, requestedAt: micro(news.at) } };
    case 'frozen':
      return afterFreeze(hold, news.count, news.at);
    case 'freezeFailed':
      return afterFailedFreeze(hold, news.error);
    case 'thawSent':
      if (result.thawRequestedAt !== undefined) return hold;
      return { ...hold, result: { ...result, thawRequestedAt: micro(news.at) } };
    case 'thawed': {
      const filesystems = { ...result.filesystems, thawed: news.count };
      const thawed = {
        ...hold,
        stage: 'thawed' as const,
        result: { ...result, filesystems, thawedAt: micro(news.at) },
      };
      return overIfDone(hold.stage === 'held' ? judged(thawed, news.count) : thawed);
    }
    case 'thawFailed':
      return {
        ...hold,
        thawFailed: true,
        thawRefused: news.error.outcome === 'Refused',
        thawUnanswered: hold.thawUnanswered || news.error.outcome === 'Unknown',
      };
    case 'status':
      return afterLook(hold, news.frozen);
    case 'statusUnknown':
      // Refused, and nobody knows whether by a frozen guest: in any case nothing of ours is frozen.
      return hold.stage === 'refused' ? unfrozen(hold) : hold;
    case 'end': {
      const asked = forsakenBy(hold, news.ending);
      if (hold.ending) return asked;
      return hold.stage === 'planned' ? unfrozen({ ...asked, ending: news.ending }) : { ...asked, ending: news.ending };
    }
    case 'stopped':
      return afterStop(hold);
    case 'left':
      return afterLeaving(hold, news.how);
    case 'back':
    case 'notBack':
      return hold;
    case 'forsaken':
      return { ...hold, forsaken: 'moved' };
    case 'suspended':
      return hold.stage === 'held' ? endedBy(hold, 'Somebody', suspended) : hold;
    case 'replugged': {
      if (hold.stage !== 'held') return hold;
      const lost = hold.lost ?? 'the agent’s broken channel was plugged in anew, which thawed the guest';
      return { ...hold, ending: { by: 'ChannelRepair' }, lost };
    }
    case 'disarmed':
      return overIfDone(afterDisarming(hold, news));
    case 'guardUnreachable':
      return overIfDone({ ...hold, guardDisarmed: true });
    case 'restarted':
      return afterRestart(hold, news.at);
  }
}

function afterFreeze(hold: Hold, count: number, at: number): Hold {
  const result = { ...hold.result, filesystems: { ...hold.result.filesystems, frozen: count } };
  const failed = (reason: string, message: string): HoldEnding => ({ by: 'FreezeFailed', reason, message });
  if (count === 0) {
    const ending = failed('NothingFrozen', 'the guest’s agent found no filesystem that it can freeze');
    return { ...hold, stage: 'unsure', result, ending };
  }
  const held: Hold = { ...hold, stage: 'held', result: { ...result, frozenAt: micro(at) } };
  const { expected = 0 } = result.filesystems;
  if (count >= expected) return held;
  const message = hold.mountpoints
    ? `only ${count} of ${expected} filesystems at the mountpoints asked for could be frozen: ` +
      'the rest are of a kind that can’t be, as vfat, or something else in the guest held them frozen already'
    : `only ${count} of ${expected} filesystems that can be frozen were: something else in the guest held the rest ` +
      'frozen, as a snapshot or another backup does, or they were unmounted just before; try again when that is over';
  return { ...held, ending: failed('PartlyFrozen', message), lost: message };
}

function afterFailedFreeze(hold: Hold, error: AgentError): Hold {
  const { code, outcome, message } = error;
  const ending = (reason: string): HoldEnding => ({ by: hold.ending?.by ?? 'FreezeFailed', reason, message });
  switch (outcome) {
    case 'NotSent':
      return unfrozen({ ...hold, ending: ending(failureReason(error)) });
    case 'Refused':
      return { ...hold, stage: 'refused', ending: ending('FreezeRefused') };
    case 'Unknown': {
      const unsure = { ...hold, stage: 'unsure' as const, needsProof: true, ending: ending('FreezeUnanswered') };
      return code === 'ConnectionLost' ? { ...unsure, mayArriveLate: true } : unsure;
    }
  }
}

function afterLook(hold: Hold, frozen: boolean): Hold {
  switch (hold.stage) {
    case 'held':
      if (hold.thawRefused) return frozen ? { ...hold, thawRefused: false } : thawedByItself(hold);
      if (frozen || hold.ending) return hold;
      return endedBy(hold, 'Somebody', 'the guest was thawed by somebody else before its time');
    case 'refused': {
      if (!frozen) return unfrozen(hold);
      const message = 'the guest is frozen already, by somebody else: it is left as it is';
      return unfrozen({ ...hold, ending: { by: 'FreezeFailed', reason: 'AlreadyFrozen', message } });
    }
    case 'thawed':
      if (!hold.needsProof) return hold;
      return frozen ? { ...hold, stage: 'unsure' } : overIfDone({ ...hold, needsProof: false });
    case 'unsure':
      if (!hold.thawRefused) return hold;
      return frozen ? { ...hold, thawRefused: false } : thawedByItself(hold);
    case 'planned':
    case 'sent':
    case 'away':
    case 'over':
      return hold;
  }
}

function thawedByItself(hold: Hold): Hold {
  const why = 'the guest refused the thaw, as one does that has let go of the freeze by itself';
  return overIfDone({ ...endedBy(hold, 'Somebody', why), stage: 'thawed', needsProof: false });
}

/**
 * What the thaw's count says of the hold: fewer than were frozen means that somebody thawed before (C24, C38); more, that
 * somebody else held some frozen as well, which the freeze then passed over (C26), and let go of or not meanwhile.
 */
function judged(hold: Hold, count: number): Hold {
  const { frozen } = hold.result.filesystems ?? {};
  if (count === frozen || hold.lost !== undefined) return hold;
  if (frozen !== undefined && count > frozen) {
    const more = `${frozen} filesystems were frozen, and at the thaw ${count - frozen} more were`;
    return {
      ...hold,
      lost: `${more}: something else in the guest held them, and they may have been written to before`,
    };
  }
  if (hold.thawUnanswered) {
    const lost = `the answer to a thaw was lost, and with it the proof: the next counted ${count} of ${frozen} filesystems`;
    return { ...hold, lost };
  }
  const why = `${frozen} filesystems were frozen and ${count} were still so at the thaw: somebody had thawed them before`;
  return endedBy({ ...hold, ending: { by: 'Somebody' } }, 'Somebody', why);
}

function endedBy(hold: Hold, by: FreezeEnd, why: string): Hold {
  const wasHeld = hold.stage === 'held' || hold.stage === 'thawed';
  const ending = hold.ending ?? { by, ...(!wasHeld && { reason: 'FreezeFailed', message: why }) };
  return { ...hold, ending, ...(wasHeld && { lost: hold.lost ?? why }) };
}

function afterStop(hold: Hold): Hold {
  if (hold.stage === 'planned') return hold;
  if (hold.stage === 'thawed') return { ...hold, stage: 'over' };
  return { ...endedBy(hold, 'GuestStopped', 'the guest was shut off while it was frozen'), stage: 'over' };
}

const suspended = 'the guest was suspended while it was frozen';
const howItLeft = {
  moved: 'the guest was moved to another host while it was frozen',
  saved: 'the guest was saved to disk while it was frozen',
} as const;

function afterLeaving(hold: Hold, left: Leaving): Hold {
  if (hold.stage === 'planned' || (hold.stage === 'thawed' && !hold.needsProof)) return hold;
  // Whatever is frozen there is somebody else's.
  if (hold.stage === 'refused') return unfrozen(hold);
  const ended = endedBy(beforeLeaving(hold), left === 'saved' ? 'Somebody' : 'Migration', howItLeft[left]);
  return { ...ended, stage: 'away', left };
}

/** Its task may be gone after somebody else has let go of it. */
function forsakenBy(hold: Hold, { by }: HoldEnding): Hold {
  return by === 'Deletion' && !hold.forsaken ? { ...hold, forsaken: 'deleted' } : hold;
}

/** libvirt suspends a guest to move it, or to save it. */
function beforeLeaving(hold: Hold): Hold {
  if (hold.lost !== suspended) return hold;
  const { lost: _, ending, ...before } = hold;
  return ending?.by === 'Somebody' ? before : { ...before, ...(ending && { ending }) };
}

function whileAway(hold: Hold, news: HoldNews): Hold {
  const { left, defined, ...here } = hold;
  switch (news.kind) {
    case 'back':
      return { ...here, stage: 'unsure', needsProof: true };
    case 'notBack': {
      if (hold.forsaken && !(hold.forsaken === 'deleted' && news.defined && left === 'saved')) {
        return { ...here, stage: 'over', result: { ...hold.result, thawOwed: true } };
      }
      if (left !== 'saved' || news.defined === (defined ?? false)) return hold;
      return news.defined ? { ...hold, defined: true } : { ...here, stage: 'over' };
    }
    case 'forsaken':
      return { ...hold, forsaken: 'moved' };
    case 'end':
      return forsakenBy(hold, news.ending);
    // Of before it left, or of a start that was over again before it was seen.
    case 'thawed':
    case 'stopped':
      return foldHold({ ...here, stage: 'unsure' }, news);
    case 'sent':
    case 'frozen':
    case 'freezeFailed':
    case 'thawSent':
    case 'thawFailed':
    case 'status':
    case 'statusUnknown':
    case 'left':
    case 'suspended':
    case 'replugged':
    case 'disarmed':
    case 'guardUnreachable':
    case 'restarted':
      return hold;
  }
}

function afterDisarming(hold: Hold, { guardFired, bootId }: Extract<HoldNews, { kind: 'disarmed' }>): Hold {
  const disarmed = { ...hold, guardDisarmed: true };
  const before = hold.result.bootId;
  if (hold.result.frozenAt === undefined) return disarmed;
  if (before !== undefined && bootId !== undefined && before !== bootId) {
    return { ...disarmed, ending: { by: 'Reboot' }, lost: 'the guest was started anew while it was frozen' };
  }
  if (!guardFired) return disarmed;
  return { ...disarmed, ending: { by: 'Guard' }, lost: 'the guard in the guest thawed it: nothing else was in time' };
}

function afterRestart(hold: Hold, now: number): Hold {
  if (hold.stage === 'planned' || hold.stage === 'sent' || hold.stage === 'unsure') {
    const message = 'the host’s agent was started anew while a freeze was under way: it was thawed';
    const ending = hold.ending ?? { by: 'AgentRestart' as const, reason: 'AgentRestart', message };
    return { ...hold, stage: 'unsure', needsProof: true, mayArriveLate: true, ending };
  }
  if (hold.stage !== 'held') return hold;
  const held = hold.result.thawRequestedAt === undefined ? hold : { ...hold, thawUnanswered: true };
  if (hold.ending || now < hold.deadline) return held;
  const message = 'the host’s agent was away at the deadline: the guest was thawed when it came back';
  return { ...held, ending: { by: 'AgentRestart', reason: 'AgentRestart', message } };
}

/** Nothing of it was ever frozen. */
function unfrozen(hold: Hold): Hold {
  return overIfDone({ ...hold, stage: 'thawed' });
}

function overIfDone(hold: Hold): Hold {
  if (hold.stage !== 'thawed' || hold.needsProof) return hold;
  const guarded = hold.result.guard === 'Armed' || hold.mayBeGuarded;
  return guarded && !hold.guardDisarmed ? hold : { ...hold, stage: 'over' };
}

const micro = microTimestamp;
