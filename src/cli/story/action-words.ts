import type { GuestTaskSpec } from '../../api/schema/guest-task.ts';

/** What a task is to do, in words. */
export function actionWords(action: GuestTaskSpec['action']): string {
  const { exec, freeze, setPassword, verifyPassword, command, readFile, writeFile } = action;
  if (exec) return execWords(exec);
  if (freeze) {
    const what = freeze.mountpoints ? freeze.mountpoints.join(', ') : 'all filesystems';
    const together = freeze.barrier ? ', at one instant with other guests' : '';
    return `freeze ${what} for at most ${freeze.maxFrozenSeconds ?? 30} s${together}, and thaw`;
  }
  if (setPassword) return `set the password of account ${setPassword.username}`;
  if (verifyPassword) return `look whether account ${verifyPassword.username} has the password it should have`;
  if (command) return `send ${command.execute} to the guest's agent`;
  if (readFile) return `read ${readFile.path}${readFile.offset ? ` from byte ${readFile.offset} on` : ''}`;
  if (writeFile) return `write ${writeFile.path}`;
  return 'do something that this version of kubectl qga does not know';
}

function execWords({ command, script, user, workingDirectory }: NonNullable<GuestTaskSpec['action']['exec']>): string {
  const what = command
    ? command.map(quoted).join(' ')
    : `a script by ${(script?.interpreter ?? ['/bin/sh']).join(' ')}`;
  const where = workingDirectory === undefined ? '' : ` in ${workingDirectory}`;
  return `run ${what}${where} as ${user ?? 'root'}`;
}

/** As a person would type it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
