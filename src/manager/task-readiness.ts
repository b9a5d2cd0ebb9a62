import { hasReferences, sealingAwaited, sealingHindered } from '../api/action-inputs.ts';
import type { Guest, GuestTask } from '../api/resources.ts';
import { isOverPhase } from '../api/tasks.ts';

/** Made by a person, not yet bound, not yet over. */
export function needsBinding({ metadata, spec, status }: GuestTask): boolean {
  const phase = status?.phase ?? 'Pending';
  return spec.nodeName === undefined && phase === 'Pending' && metadata.deletionTimestamp === undefined;
}

/** Whether the binder has something to do for it. */
export function isUnready(task: GuestTask, guest: Guest | undefined): boolean {
  return needsBinding(task) || needsSealing(task) || newNodeOf(task, guest) !== undefined;
}

/** The node to which its guest has taken a task that is under way; undefined where it stays with its own. */
export function newNodeOf({ metadata, spec, status }: GuestTask, guest: Guest | undefined): string | undefined {
  if (spec.nodeName === undefined || isOverPhase(status?.phase)) return undefined;
  const { node, domain } = guest?.status ?? {};
  const itsGuest = domain?.uuid === spec.guestUID && guest?.metadata.namespace === metadata.namespace;
  return itsGuest && node !== spec.nodeName ? node : undefined;
}

/** Bound, and its agent can't open what it takes from Secrets, or there is nothing to open. */
export function needsSealing({ metadata, spec, status }: GuestTask): boolean {
  if (spec.nodeName === undefined || !hasReferences(spec.action)) return false;
  if (isOverPhase(status?.phase) || metadata.deletionTimestamp !== undefined) return false;
  return !spec.sealed || [...sealingAwaited, ...sealingHindered].includes(status?.reason ?? '');
}
