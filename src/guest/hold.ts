import type { FreezeHook, FreezeResult } from '../api/schema/freeze.ts';
import type { AgentError } from '../qga/errors.ts';

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

/** It ends by what nobody had asked for: nothing that was copied meanwhile is consistent. */
export function endedBy(hold: Hold, by: FreezeEnd, why: string): Hold {
  const wasHeld = hold.stage === 'held' || hold.stage === 'thawed';
  const ending = hold.ending ?? { by, ...(!wasHeld && { reason: 'FreezeFailed', message: why }) };
  return { ...hold, ending, ...(wasHeld && { lost: hold.lost ?? why }) };
}

/** Nothing of it was ever frozen. */
export function unfrozen(hold: Hold): Hold {
  return overIfDone({ ...hold, stage: 'thawed' });
}

/** Over, unless there is something left to make sure of. */
export function overIfDone(hold: Hold): Hold {
  if (hold.stage !== 'thawed' || hold.needsProof) return hold;
  const guarded = hold.result.guard === 'Armed' || hold.mayBeGuarded;
  return guarded && !hold.guardDisarmed ? hold : { ...hold, stage: 'over' };
}
