import type { Exec } from './schema/exec.ts';
import type { GuestTaskSpec } from './schema/guest-task.ts';
import type { KeyReference } from './schema/key-reference.ts';

type Action = GuestTaskSpec['action'];

/** The keys of ConfigMaps and Secrets that a command takes something from. */
export function referencesOfExec({ env = [], stdinFrom, script }: Exec): KeyReference[] {
  const all = [...env.map(({ valueFrom }) => valueFrom), stdinFrom, script?.sourceFrom];
  return all.filter((reference) => reference !== undefined);
}

/** Whether an action names keys of ConfigMaps or Secrets, which the manager reads for it. */
export function hasReferences({ exec, command, writeFile }: Action): boolean {
  if (command?.argumentsFrom || writeFile?.contentFrom) return true;
  return exec !== undefined && referencesOfExec(exec).length > 0;
}

/** Whether an action can't be carried out without something sealed. */
export function needsSealed(action: Action): boolean {
  return hasReferences(action) || action.setPassword !== undefined || action.verifyPassword !== undefined;
}

/** Why an agent waits for the manager to seal what a task takes from Secrets. */
export const sealingAwaited: readonly string[] = ['SealedToAnotherKey', 'NotSealedYet'];
/** Why the manager can't: it looks again by itself, and what it says is more than what the agent has to say. */
export const sealingHindered: readonly string[] = ['NoSealingKey', 'InputNotFound', 'InputInvalid'];
