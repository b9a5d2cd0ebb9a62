import type { Exec } from '../api/schema/exec.ts';
import { shellQuote } from './shell-quote.ts';

/** Bytes of each stream shown at most: this much of the head and this much of the tail. */
export const shownBytes = 8192;

export interface SpoolRequest {
  /** Names the run in the guest: a UUID, the task's. */
  id: string;
  exec: Pick<Exec, 'command' | 'env' | 'stdin'>;
  /**
   * When the run may be started, if it has not been: `always` on the first try; afterwards only in the boot in which
   * the first try was made, because then a missing claim proves that nothing was started. `never` only looks.
   */
  start: 'always' | 'never' | { ifBootIdIs: string };
  /** Earlier runs whose results are safe and whose files may go. */
  drop?: readonly string[];
}

/**
 * The script that starts a command in a guest at most once, records how it ends, and tells it: design section 5.
 *
 * It goes to `/bin/sh -s <id>` on standard input, never in arguments: those land in the guest's syslog (C11). Running it
 * again with the same id never starts the command again; it reports what the first one recorded, as often as asked.
 *
 * - `<id>.claim` is made with noclobber (O_EXCL), the at-most-once gate; it holds the launcher's pid and the boot id.
 * - `<id>.out`, `.err` and `.in` are the command's streams: files, so that no output fills the agent's memory (C1–C3)
 *   and no background child keeps the agent waiting (C9).
 * - `<id>.end` holds the exit code and whether a signal ended it.
 *
 * Everything is a shell built-in except the command itself, its setsid and the printing of output: a fork is what costs.
 * The whole stands in braces so that the shell has read all of it before anything runs.
 */
export function spoolScript({ id, exec, start, drop = [] }: SpoolRequest): string {
  return `{
_qga=/run/qga/${id}
umask 077
[ -d /run/qga ] || mkdir /run/qga 2>/dev/null || [ -d /run/qga ] || { echo "qga1 nospool"; exit; }
boot=-; read -r boot </proc/sys/kernel/random/boot_id
${shellFunctions}
${drop.length > 0 ? `(set --; for id in ${drop.join(' ')}; do set -- "$@" /run/qga/$id.*; done; rm -f "$@") >/dev/null 2>&1 </dev/null &` : ''}
mine=
if ${startCondition(start)}; then
  set -C
  if { echo "$$ $boot" >"$_qga.claim"; } 2>/dev/null; then mine=1; fi
  set +C
fi
[ "$mine" ] || { look; exit; }
${exec.stdin === undefined ? 'in=/dev/null' : `in=$_qga.in; base64 -d >"$in" <<'QGA'\n${base64Lines(exec.stdin)}\nQGA`}
set -- ${exec.command.map(shellQuote).join(' ')}
setsid=/usr/bin/setsid; [ -x "$setsid" ] || setsid=/bin/setsid; [ -x "$setsid" ] || setsid=
exec 3>&2 2>"$_qga.sig"
(
${(exec.env ?? []).map(({ name, value }) => `export ${name}=${shellQuote(value)}`).join('\n')}
command -v -- "$1" >/dev/null || { : >"$_qga.none"; exit 127; }
if [ "$setsid" ]; then exec "$setsid" -- "$@"; fi
exec "$@"
) <"$in" >"$_qga.out" 2>"$_qga.err" 3>&-
code=$? how=exit
exec 2>&3 3>&-
if [ -e "$_qga.none" ]; then how=none; elif [ $code -gt 128 ] && [ -s "$_qga.sig" -o $code -eq 130 -o $code -eq 141 ]; then how=signal; fi
echo "$code $how" >"$_qga.end"
tell
exit
}
`;
}

/**
 * What the launcher prints: one line `qga1 STATE …`, then the bounded standard output; the bounded standard error goes
 * to its own standard error. A shell says on its standard error that a signal ended a foreground command, which is the
 * only way a POSIX shell tells `exit 137` from SIGKILL; of SIGINT and SIGPIPE it is silent.
 */
const shellFunctions = `
show() {
  if [ "$2" -eq 0 ]; then :
  elif [ "$2" -le ${2 * shownBytes} ]; then cat "$1"
  else head -c ${shownBytes} "$1"; tail -c ${shownBytes} "$1"; fi
}
tell() {
  out=0 err=0
  [ -s "$_qga.out" ] && out=$(($(wc -c <"$_qga.out")))
  [ -s "$_qga.err" ] && err=$(($(wc -c <"$_qga.err")))
  echo "qga1 done $boot $code $how $out $err"
  show "$_qga.out" $out
  show "$_qga.err" $err >&2
}
look() {
  pid= since= code= how=
  read -r pid since 2>/dev/null <"$_qga.claim"
  if [ -z "$pid" ]; then
    if [ -e "$_qga.claim" ]; then echo "qga1 running $boot"; else echo "qga1 absent $boot"; fi
    return
  fi
  [ "$since" = "$boot" ] || { echo "qga1 rebooted $boot"; return; }
  alive=; read -r alive 2>/dev/null <"/proc/$pid/cmdline"
  if read -r code how 2>/dev/null <"$_qga.end"; then tell; return; fi
  case $alive in *"\${_qga##*/}"*) echo "qga1 running $boot" ;; *) echo "qga1 lost $boot" ;; esac
}`.trim();

function startCondition(start: SpoolRequest['start']): string {
  if (start === 'always') return ':';
  if (start === 'never') return 'false';
  return `[ "$boot" = ${shellQuote(start.ifBootIdIs)} ]`;
}

/** In lines of 76 characters, as every base64 decoder reads them. */
function base64Lines(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64').replace(/.{76}/g, '$&\n');
}
