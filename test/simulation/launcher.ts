/** What a simulated guest's shell reads out of the spool's scripts. `launcher.test.ts` holds the two together. */
export type Launcher =
  | { does: 'start'; id: string; ifBootIdIs?: string; command: string[]; drop: string[] }
  | { does: 'look'; id: string }
  | { does: 'kill'; id: string; graceSeconds: number }
  /** A freeze's guard. */
  | { does: 'arm'; id: string; seconds: number }
  | { does: 'disarm'; id: string }
  /** No script of the spool's: it only shows that a shell can be started. */
  | { does: 'nothing'; id: '' };

export function readLauncher(script: string): Launcher {
  if (script === ':\n') return { does: 'nothing', id: '' };
  const guarded = /^_mark=\/run\/qga\/(\S+)$/m.exec(script)?.[1];
  if (guarded !== undefined) {
    const seconds = /^\$_setsid sh -c .*[^]*? guard "\$_mark" \S+ (\d+) /m.exec(script)?.[1];
    return seconds === undefined
      ? { does: 'disarm', id: guarded }
      : { does: 'arm', id: guarded, seconds: Number(seconds) };
  }
  const id = only(/^_qga=\/run\/qga\/(\S+) _qga_boot=-$/m, script);
  const grace = /^\(sleep (\d+); _qga_kill KILL\)/m.exec(script)?.[1];
  if (grace !== undefined) return { does: 'kill', id, graceSeconds: Number(grace) };
  const words = /^set -- ('.+)$/m.exec(script)?.[1];
  if (words === undefined) return { does: 'look', id };
  const ifBootIdIs = /^\[ "\$_qga_boot" = '(.+)' \] \|\|/m.exec(script)?.[1];
  const drop = /for _qga_id in (.+?); do/.exec(script)?.[1]?.split(' ') ?? [];
  return { does: 'start', id, ...(ifBootIdIs && { ifBootIdIs }), command: words.split(' ').map(unquoted), drop };
}

function unquoted(word: string): string {
  return only(/^'([^']*)'$/, word);
}

function only(pattern: RegExp, text: string): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`the launcher has nothing like ${pattern}: ${text}`);
  return found;
}
