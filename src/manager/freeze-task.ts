import type { FsFreezeWindow, Guest, GuestTask } from '../api/resources.ts';
import { isGroup } from './freeze-window-outcome.ts';
import { deadlineMs } from './instants.ts';
import { isTaken } from './task-fate.ts';
import { taskFor } from './task-template.ts';

/** How long after the starting deadline the common instant may still be named, once guests were given up. */
export const latestBarrierMs = 5000;
/** The common instant is at most so far ahead. */
export const longestLeadMs = 5000;
/** A task outlives what its window wants of it by so much: it ends by itself only where no manager is there. */
const marginMs = 10_000;
/** Beyond its end an agent is waited for so long: a thaw may take an RPC's longest time, and comes again (C15). */
const silenceMs = 60_000;

/** As the API server fills it in. */
const defaultHookSeconds = 30;

/** Until when guests are waited for, in milliseconds since the epoch. */
export function startingDeadlineOf({ metadata, spec }: FsFreezeWindow): number {
  return Date.parse(metadata.creationTimestamp ?? '') + deadlineMs(spec.startingDeadlineSeconds);
}

/** Whether guests wait for a common instant once they are prepared; one alone needs not. */
export function hasBarrier(window: FsFreezeWindow): boolean {
  return isGroup(window) && window.spec.target.guestName === undefined;
}

/** The common instant, once it was named to any guest. */
export function barrierOf(tasks: readonly GuestTask[]): string | undefined {
  return tasks.find(({ spec }) => spec.freezeAt !== undefined)?.spec.freezeAt;
}

/** The task that freezes one guest of a window. */
export function freezeTaskFor(window: FsFreezeWindow, guest: Guest, startingDeadline: number): GuestTask {
  const { maxFrozenSeconds, mountpoints, hooks } = window.spec;
  const lastStart = startingDeadline + latestBarrierMs;
  return taskFor(window, guest, {
    action: {
      freeze: {
        maxFrozenSeconds,
        ...(mountpoints && { mountpoints }),
        ...(hooks && { hooks }),
        ...(hasBarrier(window) && { barrier: true }),
      },
    },
    attempt: 0,
    startingDeadline: lastStart,
    deadline: lastStart + longestLeadMs + maxFrozenSeconds * 1000 + hooksAfterMs(window.spec) + marginMs,
  });
}

/** When an agent that says nothing of a task's end is no longer waited for; undefined before it has begun. */
export function abandonedAt(task: GuestTask): number | undefined {
  if (!isTaken(task)) return undefined;
  const { until } = task.status?.freeze ?? {};
  const { deadline, action } = task.spec;
  if (until !== undefined) return Date.parse(until) + hooksAfterMs(action.freeze ?? {}) + silenceMs;
  return deadline === undefined ? undefined : Date.parse(deadline) + silenceMs;
}

/** Whether nobody knows if its guest is thawed. A host that a person has declared gone owes nothing any more. */
export function owesThaw({ status }: GuestTask): boolean {
  return status?.freeze?.thawOwed === true && status.reason !== 'HostGone';
}

interface Hooked {
  hooks?: { after?: readonly { timeoutSeconds?: number | undefined }[] | undefined } | undefined;
}

function hooksAfterMs({ hooks }: Hooked): number {
  let seconds = 0;
  for (const { timeoutSeconds = defaultHookSeconds } of hooks?.after ?? []) seconds += timeoutSeconds;
  return seconds * 1000;
}
