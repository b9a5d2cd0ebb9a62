import type { Hold } from './hold.ts';

export interface HoldSetting {
  hold: Hold;
  /** Milliseconds on a clock that never jumps, as all times here. */
  now: number;
  /** When the freeze is to be sent. */
  freezeAt: number;
  /** Thawed at the latest then. */
  deadline: number;
  /** When the guest is to be asked next whether it still is frozen, or libvirt whether it is back. */
  lookAt: number;
  /** After something failed: not tried again before. */
  tryAt: number;
}

/** What is next for one hold. */
export type HoldStep =
  | { do: 'freeze' }
  | { do: 'thaw' }
  /** Ask the agent whether it is frozen. */
  | { do: 'look' }
  /** Ask libvirt whether the guest is back. */
  | { do: 'find' }
  | { do: 'disarm' }
  /** Its time is over. */
  | { do: 'expire' }
  | { do: 'wait'; until: number }
  /** Nothing is left of it. */
  | { do: 'stop' };

/** What to do next with a freeze: whatever has happened, an owed thaw is tried until it is settled. Pure. */
export function decideHold({ hold, now, freezeAt, deadline, lookAt, tryAt }: HoldSetting): HoldStep {
  const unlessEarly = (step: HoldStep): HoldStep => (now < tryAt ? { do: 'wait', until: tryAt } : step);
  switch (hold.stage) {
    case 'planned':
      return now < freezeAt ? { do: 'wait', until: freezeAt } : { do: 'freeze' };
    case 'refused':
      return { do: 'look' };
    case 'sent':
    case 'unsure':
      return unlessEarly({ do: hold.thawRefused ? 'look' : 'thaw' });
    case 'held':
      if (hold.ending) return unlessEarly({ do: hold.thawRefused ? 'look' : 'thaw' });
      if (now >= deadline) return { do: 'expire' };
      return now >= lookAt ? { do: 'look' } : { do: 'wait', until: Math.min(deadline, lookAt) };
    case 'thawed':
      return unlessEarly({ do: hold.needsProof ? 'look' : 'disarm' });
    case 'away':
      return now >= lookAt ? { do: 'find' } : { do: 'wait', until: lookAt };
    case 'over':
      return { do: 'stop' };
  }
}

/** Whether the guest is frozen by this hold as far as is known. */
export function isHeld({ stage }: Hold): boolean {
  return stage === 'held';
}

/** Whether nobody knows if the guest is still frozen, or will be: it is thawed as soon as it can be reached. */
export function isThawOwed({ stage, ending, thawFailed, needsProof }: Hold): boolean {
  if (stage === 'away') return true;
  if (stage === 'unsure') return needsProof === true || thawFailed === true;
  return (
    (stage === 'held' && ending !== undefined && thawFailed === true) || (stage === 'thawed' && needsProof === true)
  );
}
