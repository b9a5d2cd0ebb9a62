import { type GuestTask, guestTasks } from '../../src/api/resources.ts';
import { guardGraceMs } from '../../src/guest/freeze-guard.ts';
import type { Invariant } from './scenario.ts';
import { mountpoints } from './simulated-filesystems.ts';
import type { FrozenInterval } from './truth.ts';
import type { World } from './world.ts';

/** A call's time, or that of the guard, whose seconds are rounded up. */
const graceMs = Math.max(10_000, guardGraceMs + 1000);
/** Clocks are so much off the timeline, before or behind, and go by whole milliseconds. */
const skewMs = 1000 + 1;

/** Rule 1. A guest that is paused writes nothing anyway: its clock stands still, and so does this one. */
export const thawedInTime: Invariant = {
  rule: 'no guest stays frozen longer than it may, whatever dies',
  violations: ({ truth }) =>
    truth.frozen.flatMap((interval) => {
      const { guest, mountpoint, by, from, end } = interval;
      if (by !== 'the operator') return [];
      const said = `${mountpoint} of ${guest} was frozen at ${from}`;
      if (!end) return [`${said} and still is`];
      const frozenMs = lastedMs(interval);
      if (truth.unguarded.has(guest) || frozenMs <= truth.longestAskedMs + graceMs) return [];
      return [`${said} for ${Math.round(frozenMs)} ms, until thawed by ${end.by}`];
    }),
};

/** What is called consistent was frozen from its first to its last instant, and thawed by nobody but the operator. */
const consistentIsTrue: Invariant = {
  rule: 'a verdict is never Consistent where something was written meanwhile',
  violations: (world) => world.api.list(guestTasks).items.flatMap((task) => untrueVerdictsOf(task, world)),
};

function untrueVerdictsOf({ metadata, spec, status }: GuestTask, { truth, timeline }: World): string[] {
  const { verdict, frozenAt, thawRequestedAt } = status?.freeze ?? {};
  if (verdict !== 'Consistent') return [];
  const said = `task ${metadata.name} says Consistent from ${frozenAt} to ${thawRequestedAt}`;
  if (frozenAt === undefined || thawRequestedAt === undefined) return [said];
  const from = timeline.elapsedAt(frozenAt);
  const to = timeline.elapsedAt(thawRequestedAt);
  const really = truth.frozen.filter(({ guest }) => guest === spec.guestUID);
  const covers = ({ from: since, end }: FrozenInterval) =>
    since <= from + skewMs && end?.by === 'thaw' && end.at >= to - skewMs;
  const uncovered = (spec.action.freeze?.mountpoints ?? mountpoints).filter(
    (mountpoint) => !really.some((interval) => interval.mountpoint === mountpoint && covers(interval)),
  );
  if (uncovered.length === 0) return [];
  return [`${said}, but ${uncovered.join(' and ')} were frozen ${JSON.stringify(really)}`];
}

/** A guest hung for too long, or went elsewhere while no agent was there to run the hook, or nobody knows whether it ran. */
const whyNot: ReadonlySet<string> = new Set(['HookTimedOut', 'GuestGone', 'OutcomeUnknown']);

/** What a hook before a freeze did is undone by the one after it, or its task says why not. */
const undone: Invariant = {
  rule: 'the hooks after a freeze run where those before it have',
  violations({ api, truth }) {
    const tasks = new Map(api.list(guestTasks).items.map((task) => [`${task.metadata.uid}-before-0`, task]));
    return truth.starts
      .filter(({ task, guest }) => tasks.has(task) && !truth.disturbed.has(guest))
      .filter(({ task }) => truth.startsOf(task.replace('-before-', '-after-')).length === 0)
      .filter(({ task }) => {
        const hooks = tasks.get(task)?.status?.freeze?.hooks ?? [];
        return !hooks.some(({ when, reason = '' }) => when === 'after' && whyNot.has(reason));
      })
      .map(({ number, task, guest }) => `start ${number} of ${task} in ${guest} was not undone`);
  },
};

function lastedMs({ from, stoodStillMs, end }: FrozenInterval): number {
  return end ? end.at - from - (end.stoodStillMs - stoodStillMs) : Number.POSITIVE_INFINITY;
}

export const freezeInvariants: readonly Invariant[] = [thawedInTime, consistentIsTrue, undone];
