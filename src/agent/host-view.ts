import type { GuestTask } from '../api/resources.ts';
import { isTaskOver, openPhases } from '../api/tasks.ts';
import type { HostView } from '../observability/agent-metrics.ts';
import { actionNames, actionOf } from './actions/index.ts';
import type { GuestRegistry } from './guest-registry.ts';

/** A task as the index of those that are not over names it: by its action and its phase. */
export function openKeys(task: GuestTask): string[] {
  return isTaskOver(task) ? [] : [openKey(actionOf(task)?.actionName ?? '', task.status?.phase ?? 'Pending')];
}

/** What there is to see on a host; `open` counts its tasks by their `openKeys`, `now` is in milliseconds since the epoch. */
export function hostView(
  registry: Pick<GuestRegistry, 'countByState' | 'frozenSince' | 'owedThaws'>,
  open: ReadonlyMap<string, number>,
  now: number,
): HostView {
  const frozenSince = registry.frozenSince();
  return {
    guests: registry.countByState(),
    longestFrozenSeconds: frozenSince === undefined ? 0 : Math.max(0, now - frozenSince) / 1000,
    thawsOwed: registry.owedThaws().length,
    tasks: actionNames.flatMap((action) =>
      openPhases.map((phase) => ({ action, phase, count: open.get(openKey(action, phase)) ?? 0 })),
    ),
  };
}

function openKey(action: string, phase: string): string {
  return `${action}/${phase}`;
}
