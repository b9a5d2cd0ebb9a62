import type { GuestStatus } from '../api/schema/guest.ts';
import type { FreezeHolder } from '../guest/freeze-holder.ts';
import { isHeld, isThawOwed } from '../guest/freeze-step.ts';
import type { GuestAgent } from '../guest/guest-agent.ts';
import { type Domain, isRunning } from '../guest/hypervisor.ts';
import { Departure } from './departure.ts';
import type { GuestFacts } from './guest-facts.ts';

/** How a guest's agent answers. */
export type AgentHealth =
  /** `since`: libvirt was away, and nobody knows whether it is still as it was told before. */
  | { state: 'unknown'; since?: 'libvirtAway' }
  | { state: 'answers'; facts: GuestFacts }
  /** It answers, and refuses nearly everything (C21). `since`: when that was first seen, in milliseconds since the epoch. */
  | { state: 'frozen'; since: number }
  /** `suspect`: the channel may be broken; a second look tells. */
  | { state: 'silent'; message: string; suspect?: true }
  /** libvirt refuses to use the channel any more, and says so again and again (C2, C34). */
  | { state: 'broken'; message: string };

/** In what state a guest is for whoever wants something of its agent: each is in one. */
export const agentStates = [
  'answers',
  'frozen',
  'silent',
  'broken',
  'unknown',
  'disconnected',
  'no_channel',
  'off',
] as const;
export type AgentState = (typeof agentStates)[number];

/** A guest that is held frozen is not asked: its health is that of before. */
export function agentState(domain: Domain, health: AgentHealth, frozen: boolean): AgentState {
  if (frozen) return 'frozen';
  if (!isRunning(domain)) return 'off';
  if (domain.agentChannel === 'absent') return 'no_channel';
  return domain.agentChannel === 'disconnected' ? 'disconnected' : health.state;
}

/** What a Guest tells of the freeze that is under way there. */
export interface FreezeView {
  /** `namespace/name` */
  task: string;
  held: boolean;
  until: string | undefined;
  thawOwed: boolean;
}

/** A run that is older than this is a long one. */
export const youngMs = 1000;
const mostYoung = 4;
const mostRunning = 32;

export interface ChannelCare {
  repairs: number;
  /** In a row, the guest not having answered since. */
  inVain: number;
  /** `at` on the monotonic clock, `time` as in a status. */
  lastRepair?: { at: number; time: string; message: string };
  /** The value of the annotation last acted upon. */
  answeredWish?: string | undefined;
}

/** One domain of this host as the agent process holds it. */
export class LiveGuest {
  readonly agent: GuestAgent;
  /** As libvirt last said; null when it has no such domain; undefined before it was asked. */
  domain: Domain | null | undefined;
  health: AgentHealth = { state: 'unknown' };
  /** What was done for its agent's channel. */
  readonly channel: ChannelCare = { repairs: 0, inVain: 0 };
  /** The last wish for a look at all of it that was answered, and how its clock stood then. */
  refreshed: { wish: string; clock?: NonNullable<GuestStatus['clock']> } | undefined;
  /** Runs whose results are delivered, and whose files in the guest may go with the next launcher. */
  readonly finishedRuns: string[] = [];
  /** Tasks that are running in the guest, with when they began on the monotonic clock. */
  readonly running = new Map<string, number>();
  /** Whether it has left this host. */
  readonly departure = new Departure();
  /** The task that has the guest for itself: no other begins meanwhile. */
  reservedFor: { uid: string; task: string } | undefined;
  /** The freeze that is under way there, whether or not its task still is. */
  freeze: { uid: string; holder: FreezeHolder } | undefined;

  constructor(agent: GuestAgent) {
    this.agent = agent;
  }

  /**
   * Whether a further command would only be in the others' way. A guest is a small machine and its agent answers one call
   * at a time, so few short commands go at once; long ones take nobody's place.
   */
  isFull(now: number): boolean {
    const young = [...this.running.values()].filter((since) => now - since < youngMs).length;
    return young >= mostYoung || this.isCrowded;
  }

  /** Whether it is full, and not just for a moment. */
  get isCrowded(): boolean {
    return this.running.size >= mostRunning;
  }

  /** Whom a task other than `uid` has to wait for. */
  occupiedBut(uid: string): { task: string; frozen: boolean } | undefined {
    if (this.freeze && this.freeze.uid !== uid) {
      const { hold } = this.freeze.holder;
      return { task: hold.task, frozen: isHeld(hold) || hold.stage === 'away' };
    }
    if (!this.reservedFor || this.reservedFor.uid === uid) return undefined;
    return { task: this.reservedFor.task, frozen: false };
  }

  get freezeView(): FreezeView | undefined {
    if (!this.freeze) return undefined;
    const { hold } = this.freeze.holder;
    return { task: hold.task, held: isHeld(hold), until: hold.result.until, thawOwed: isThawOwed(hold) };
  }

  /** Since when it is frozen as far as is known, by us or by anybody, in milliseconds since the epoch. */
  get frozenSince(): number | undefined {
    const { hold } = this.freeze?.holder ?? {};
    if (hold?.result.frozenAt !== undefined && isHeld(hold)) return Date.parse(hold.result.frozenAt);
    return this.health.state === 'frozen' ? this.health.since : undefined;
  }

  /** A freeze holds the guest until then, in milliseconds on the monotonic clock. */
  get heldUntil(): number | undefined {
    if (!this.freeze || this.freeze.holder.hold.ending) return undefined;
    return this.freeze.holder.deadline;
  }

  /** Files of so many runs are removed by one launcher, and by none before they are so many. */
  runsToDrop(least: number, most: number): string[] {
    return this.finishedRuns.length >= least ? this.finishedRuns.slice(0, most) : [];
  }

  /** The files of these runs are gone. */
  dropped(runs: readonly string[]): void {
    const left = this.finishedRuns.filter((each) => !runs.includes(each));
    this.finishedRuns.splice(0, Number.POSITIVE_INFINITY, ...left);
  }

  /** It was seen to be in this boot. */
  sawBoot(bootId: string): void {
    if (this.health.state !== 'answers') return;
    this.health = { state: 'answers', facts: { ...this.health.facts, bootId } };
  }

  get bootId(): string | undefined {
    return this.health.state === 'answers' ? this.health.facts.bootId : undefined;
  }
}
