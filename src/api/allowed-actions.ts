import type { Guest } from './resources.ts';
import type { GuestTaskSpec } from './schema/guest-task.ts';

/** Why a guest's allowedActions forbid an action, in a sentence; undefined where they don't. */
export function forbiddenIn({ metadata, spec }: Guest, action: GuestTaskSpec['action']): string | undefined {
  const { allowedActions } = spec ?? {};
  if (!allowedActions) return undefined;
  const names = namesOf(action);
  if (names.some((name) => allowedActions.includes(name))) return undefined;
  return `guest ${metadata.name} does not allow ${names.at(-1)}: its spec.allowedActions has ${allowedActions.join(', ') || 'nothing'}`;
}

/** What an action may be allowed as: a command of the guest agent by its own name, too. */
function namesOf(action: GuestTaskSpec['action']): string[] {
  const { command } = action as { command?: { execute: string } };
  return [...Object.keys(action), ...(command ? [command.execute] : [])];
}
