import type { GuestTask } from '../../api/resources.ts';
import type { Action } from './action.ts';
import { commandAction } from './command/command-action.ts';
import { execAction } from './exec-action.ts';
import { readFileAction } from './file/read-file-action.ts';
import { writeFileAction } from './file/write-file-action.ts';
import { freezeAction } from './freeze-action.ts';
import { setPasswordAction } from './set-password-action.ts';
import { verifyPasswordAction } from './verify-password-action.ts';

/** The actions this agent knows, by their names in `spec.action`. */
const actions: { [Name in keyof GuestTask['spec']['action']]?: Action } = {
  exec: execAction,
  freeze: freezeAction,
  setPassword: setPasswordAction,
  verifyPassword: verifyPasswordAction,
  command: commandAction,
  readFile: readFileAction,
  writeFile: writeFileAction,
};

/** The names of the actions this agent knows. */
export const actionNames: readonly string[] = Object.keys(actions);

/** The name of a task's action, and how it is carried out. Undefined for one of a newer API than this agent's. */
export function actionOf({ spec }: GuestTask): { actionName: string; action: Action } | undefined {
  for (const [actionName, action] of Object.entries(actions)) {
    if (Object.hasOwn(spec.action, actionName)) return { actionName, action };
  }
  return undefined;
}

/** The action of this name, if this agent knows it. */
export function actionNamed(name: string): Action | undefined {
  return Object.hasOwn(actions, name) ? actions[name as keyof typeof actions] : undefined;
}
