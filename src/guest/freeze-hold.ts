import type { AgentError } from '../qga/errors.ts';
import { microTimestamp } from '../seams/clock.ts';
import { failureReason } from './failure-reason.ts';
import { endedBy, type Hold, type HoldEnding, type HoldNews, overIfDone, unfrozen } from './hold.ts';
import { afterLeaving, forsakenBy, hereAgain, suspended, whileAway } from './hold-away.ts';

/** The hold after some news. Pure. */
export function foldHold(hold: Hold, news: HoldNews): Hold {
  if (hold.stage === 'over') return hold;
  if (hold.stage === 'away') {
    // Of before it left, or of a start that was over again before it was seen.
    if (news.kind === 'thawed' || news.kind === 'stopped') return foldHold(hereAgain(hold), news);
    return whileAway(hold, news);
  }
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

function afterStop(hold: Hold): Hold {
  if (hold.stage === 'planned') return hold;
  if (hold.stage === 'thawed') return { ...hold, stage: 'over' };
  return { ...endedBy(hold, 'GuestStopped', 'the guest was shut off while it was frozen'), stage: 'over' };
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

const micro = microTimestamp;
