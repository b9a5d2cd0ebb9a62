import type { FsFreezeWindow, GuestTask } from '../../../../src/api/resources.ts';
import type { FsFreezeWindowStatus } from '../../../../src/api/schema/fs-freeze-window.ts';
import { findCondition } from '../../../../src/kube/conditions.ts';
import { planFreezeWindow, type WindowObserved } from '../../../../src/manager/freeze-window-plan.ts';
import { aGuest, noon } from '../objects.ts';

export const soon = noon + 2000;
export const startingDeadline = noon + 61_000;
export const [a, b, c] = [aGuest('a'), aGuest('b'), aGuest('c')];

/** The next step of a window whose guests and hosts are all there. */
export function plan(observed: Partial<WindowObserved> & { window: FsFreezeWindow }) {
  return planFreezeWindow({
    guests: [a, b],
    tasks: [],
    earlierWindow: () => undefined,
    hostExists: () => true,
    snapshotsServed: true,
    leadMs: 250,
    now: soon,
    ...observed,
  });
}

export const names = (tasks: readonly GuestTask[]) => tasks.map(({ spec }) => spec.guestName).toSorted();
export const condition = (status: FsFreezeWindowStatus, type: string) => findCondition(status.conditions, type);

/** The status of a window in which the guests were frozen together. */
export function frozenStatus(window: FsFreezeWindow, tasks: GuestTask[], guests = [a, b]): FsFreezeWindowStatus {
  return plan({ window, tasks, guests }).status;
}
