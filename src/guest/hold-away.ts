import { endedBy, type Hold, type HoldEnding, type HoldNews, type Leaving, unfrozen } from './hold.ts';

/** Why a hold is lost whose guest was suspended. */
export const suspended = 'the guest was suspended while it was frozen';
const howItLeft = {
  moved: 'the guest was moved to another host while it was frozen',
  saved: 'the guest was saved to disk while it was frozen',
} as const;

/** The guest has left this host, frozen perhaps. */
export function afterLeaving(hold: Hold, left: Leaving): Hold {
  if (hold.stage === 'planned' || (hold.stage === 'thawed' && !hold.needsProof)) return hold;
  // Whatever is frozen there is somebody else's.
  if (hold.stage === 'refused') return unfrozen(hold);
  const ended = endedBy(beforeLeaving(hold), left === 'saved' ? 'Somebody' : 'Migration', howItLeft[left]);
  return { ...ended, stage: 'away', left };
}

/** Its task may be gone after somebody else has let go of it. */
export function forsakenBy(hold: Hold, { by }: HoldEnding): Hold {
  return by === 'Deletion' && !hold.forsaken ? { ...hold, forsaken: 'deleted' } : hold;
}

/** libvirt suspends a guest to move it, or to save it. */
function beforeLeaving(hold: Hold): Hold {
  if (hold.lost !== suspended) return hold;
  const { lost: _, ending, ...before } = hold;
  return ending?.by === 'Somebody' ? before : { ...before, ...(ending && { ending }) };
}

/** The hold of a guest that was away and runs here: frozen perhaps. */
export function hereAgain(hold: Hold): Hold {
  const { left: _, defined: __, ...here } = hold;
  return { ...here, stage: 'unsure' };
}

/** What becomes known of a hold whose guest is away. */
export function whileAway(hold: Hold, news: Exclude<HoldNews, { kind: 'thawed' | 'stopped' }>): Hold {
  const { left, defined } = hold;
  switch (news.kind) {
    case 'back':
      return { ...hereAgain(hold), needsProof: true };
    case 'notBack': {
      if (hold.forsaken && !(hold.forsaken === 'deleted' && news.defined && left === 'saved')) {
        return { ...hereAgain(hold), stage: 'over', result: { ...hold.result, thawOwed: true } };
      }
      if (left !== 'saved' || news.defined === (defined ?? false)) return hold;
      return news.defined ? { ...hold, defined: true } : { ...hereAgain(hold), stage: 'over' };
    }
    case 'forsaken':
      return { ...hold, forsaken: 'moved' };
    case 'end':
      return forsakenBy(hold, news.ending);
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
