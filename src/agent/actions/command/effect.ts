import type { SeenEffect } from '../../../api/schema/command-action.ts';
import { type DomainState, isOff, type LifecycleEvent } from '../../../guest/hypervisor.ts';

/** Commands that succeed without an answer: that they worked is seen at the domain. */
export type ExpectedEffect = 'powerdown' | 'reboot' | 'halt' | 'suspendToRam' | 'suspendToDisk';

/** What was seen of a domain since such a command was sent. */
export interface DomainSight {
  /** As libvirt has it now; undefined when there is no such domain any more. */
  state: DomainState | undefined;
  events: ReadonlySet<LifecycleEvent | 'reboot'>;
  /** Its boot is another one than when the command was sent. */
  bootChanged: boolean;
  /** For how long nothing in the guest has held the agent's channel; 0 while something does. */
  agentGoneMs: number;
}

/** An agent that is only started again comes back sooner. */
const haltedAfterMs = 10_000;

/** What the command has done to the domain, once that is certain; undefined while it isn't. */
export function effectOf(expected: ExpectedEffect, sight: DomainSight): SeenEffect | undefined {
  const { state, events, bootChanged, agentGoneMs } = sight;
  const stopped = state === undefined || isOff({ state }) || events.has('stopped');
  if (stopped) return 'Stopped';
  if (expected === 'suspendToRam') {
    return state === 'pmsuspended' || events.has('pmsuspended') ? 'Suspended' : undefined;
  }
  if (expected === 'suspendToDisk') return undefined;
  // A domain may be set to start anew where its guest powers down, and a guest that was told to reboot may have been
  // started anew by somebody.
  if (events.has('reboot') || bootChanged) return 'Rebooted';
  return expected === 'halt' && agentGoneMs >= haltedAfterMs ? 'AgentLeft' : undefined;
}

const said: Record<SeenEffect, string> = {
  Stopped: 'the domain is off',
  Rebooted: 'the guest was started anew',
  Suspended: 'the domain is suspended',
  Woken: 'the guest suspended itself, was woken, and its agent answers',
  AgentLeft:
    'the guest’s agent left, as it does when a guest halts: what takes long to stop there may not have yet; the domain runs on, with idle processors in the end, until somebody resets or destroys it',
};

/** One sentence about what was seen, with how to go on from there. */
export function effectMessage(expected: ExpectedEffect, seen: SeenEffect): string {
  if (expected === 'suspendToDisk' && seen === 'Stopped') {
    return 'the guest lies on its disk and the domain is off: start it (virsh start), and it goes on where its kernel knows of that';
  }
  if (seen === 'Suspended') {
    return 'the domain is suspended to its memory: virsh dompmwakeup wakes it, as wakeAfterSeconds would have';
  }
  return said[seen];
}

/** Whether what was seen is what was asked for. */
export function isAsAsked(expected: ExpectedEffect, seen: SeenEffect): boolean {
  return expected === 'suspendToRam' ? seen === 'Suspended' || seen === 'Woken' : true;
}
