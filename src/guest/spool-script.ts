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
 * The script that starts a command in a guest at most once, records how it ends, and tells it. (C11 and the like:
 * docs/protocol-facts.md.)
 *
 * It goes to `/bin/sh -s <id>` on standard input, never in arguments: those land in the guest's syslog (C11). Running it
 * again with the same id never starts the command again; it reports what the first one recorded, as often as asked.
 *
 * - `<id>.claim` is made with noclobber (O_EXCL), the at-most-once gate; it holds the launcher's pid and the boot id.
 * - `<id>.out`, `.err` and `.in` are the command's streams: files, so that no output fills the agent's memory (C1–C3)
 *   and no background child keeps the agent waiting (C9).
 * - `<id>.end` holds the exit code and whether a signal ended it; `<id>.full` says that nothing was started for want of
 *   space.
 *
 * Everything is a shell built-in except the command itself, its setsid and the printing of output: a fork is what costs.
 * Names begin with `_qga`, so that no variable or program of the user's meets one of them. The whole stands in braces so
 * that the shell has read all of it before anything runs.
 */
export function spoolScript({ id, exec, start, drop = [] }: SpoolRequest): string {
  return `{
_qga=/run/qga/${id}
[ -d /run/qga ] || mkdir -m 700 /run/qga 2>/dev/null || [ -d /run/qga ] || { echo "qga1 ${id} nospool"; exit; }
_qga_boot=-; read -r _qga_boot </proc/sys/kernel/random/boot_id
${functions(id)}
${drop.length > 0 ? dropScript(drop) : ''}
_qga_mine=
if ${startCondition(start)}; then
  set -C
  if { true; } >"$_qga.claim"; then _qga_mine=1; fi
  set +C
fi 2>/dev/null
[ "$_qga_mine" ] || { _qga_look; exit; }
echo "$$ $_qga_boot" >"$_qga.claim" || _qga_full
${exec.stdin === undefined ? '_qga_in=/dev/null' : stdinScript(exec.stdin)}
set -- ${exec.command.map(shellQuote).join(' ')}
_qga_setsid=/usr/bin/setsid; [ -x "$_qga_setsid" ] || _qga_setsid=/bin/setsid; [ -x "$_qga_setsid" ] || _qga_setsid=
true >"$_qga.out" && true >"$_qga.err" && true >"$_qga.sig" || _qga_full
exec 3>&2 2>"$_qga.sig"
(
${(exec.env ?? []).map(({ name, value }) => `export ${name}=${shellQuote(value)}`).join('\n')}
command -v -- "$1" >/dev/null || { true >"$_qga.none"; exit 127; }
if [ "$_qga_setsid" ]; then exec "$_qga_setsid" -- "$@"; fi
exec "$@"
) <"$_qga_in" >"$_qga.out" 2>"$_qga.err" 3>&-
_qga_code=$? _qga_how=exit
exec 2>&3 3>&-
if [ -e "$_qga.none" ]; then _qga_how=none
elif [ $_qga_code -gt 128 ] && [ -s "$_qga.sig" -o $_qga_code -eq 130 -o $_qga_code -eq 141 ]; then _qga_how=signal; fi
echo "$_qga_code $_qga_how" >"$_qga.end"
${exec.stdin === undefined ? '' : 'rm -f "$_qga_in"'}
_qga_tell
exit
}
`;
}

/**
 * What the launcher prints: one line `qga1 ID STATE …`, then the bounded standard output; the bounded standard error
 * goes to its own standard error. A shell says on its standard error that a signal ended a foreground command, which is
 * the only way a POSIX shell tells `exit 137` from SIGKILL; of SIGINT and SIGPIPE it is silent.
 */
function functions(id: string): string {
  return `
_qga_show() {
  if [ "$2" -eq 0 ]; then :
  elif [ "$2" -le ${2 * shownBytes} ]; then cat "$1"
  else head -c ${shownBytes} "$1"; tail -c ${shownBytes} "$1"; fi
}
_qga_tell() {
  _qga_out=0 _qga_err=0
  [ -s "$_qga.out" ] && _qga_out=$(($(wc -c <"$_qga.out")))
  [ -s "$_qga.err" ] && _qga_err=$(($(wc -c <"$_qga.err")))
  echo "qga1 ${id} done $_qga_boot $_qga_code $_qga_how $_qga_out $_qga_err"
  _qga_show "$_qga.out" $_qga_out
  _qga_show "$_qga.err" $_qga_err >&2
}
_qga_full() { rm -f "$_qga.in" "$_qga.out" "$_qga.err"; true >"$_qga.full"; echo "qga1 ${id} nospool"; exit; }
_qga_look() {
  _qga_pid= _qga_since= _qga_code= _qga_how= _qga_alive=
  if ! [ -e "$_qga.claim" ]; then echo "qga1 ${id} absent $_qga_boot"; return; fi
  if [ -e "$_qga.full" ]; then echo "qga1 ${id} nospool"; return; fi
  read -r _qga_pid _qga_since 2>/dev/null <"$_qga.claim" || { sleep 5; read -r _qga_pid _qga_since <"$_qga.claim"; }
  if [ -z "$_qga_pid" ]; then echo "qga1 ${id} lost $_qga_boot"; return; fi
  [ "$_qga_since" = "$_qga_boot" ] || { echo "qga1 ${id} rebooted $_qga_boot"; return; }
  read -r _qga_alive 2>/dev/null <"/proc/$_qga_pid/cmdline"
  if read -r _qga_code _qga_how 2>/dev/null <"$_qga.end"; then _qga_tell; return; fi
  case $_qga_alive in *${id}*) echo "qga1 ${id} running $_qga_boot" ;; *) echo "qga1 ${id} lost $_qga_boot" ;; esac
}`.trim();
}

function startCondition(start: SpoolRequest['start']): string {
  if (start === 'always') return ':';
  if (start === 'never') return 'false';
  return `[ "$_qga_boot" = ${shellQuote(start.ifBootIdIs)} ]`;
}

/** Behind the run's back: nobody waits for it. */
function dropScript(ids: readonly string[]): string {
  return `(set --; for _qga_id in ${ids.join(' ')}; do set -- "$@" /run/qga/$_qga_id.*; done; rm -f "$@") >/dev/null 2>&1 </dev/null &`;
}

/** In lines of 76 characters, as every base64 decoder reads them. A command must not run with half of its input. */
function stdinScript(text: string): string {
  const lines = Buffer.from(text, 'utf8').toString('base64').replace(/.{76}/g, '$&\n');
  return `_qga_in=$_qga.in; base64 -d >"$_qga_in" <<'QGA' || _qga_full\n${lines}\nQGA`;
}
