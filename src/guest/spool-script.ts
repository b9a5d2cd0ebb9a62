import type { Launch } from './exec-launch.ts';
import { shellQuote } from './shell-quote.ts';
import { keepScript, progressBytes, sizesByPositionScript, sizesScript, tellScript } from './spool-output-script.ts';

/** Where runs are kept in the guest: for root alone. */
export const spoolFolder = '/run/qga';
/** Where scripts stand that another account runs: others may pass through, but not look around. */
const scriptFolder = `${spoolFolder}-scripts`;

export interface SpoolStart {
  /** Names the run in the guest: a UUID, the task's. */
  id: string;
  launch: Launch;
  /**
   * Starts it only in this boot of the guest: in the boot in which it was first tried, a missing claim proves that
   * nothing was started. Undefined on the first try.
   */
  ifBootIdIs?: string | undefined;
  /** Earlier runs whose results are safe and whose files may go. */
  drop?: readonly string[] | undefined;
}

/** bash has a value of its own for these until they are unset. */
const countedByBash = new Set(
  'RANDOM SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME LINENO HISTCMD BASHPID BASH_COMMAND BASH_SUBSHELL BASH_ALIASES BASH_CMDS GROUPS FUNCNAME DIRSTACK'.split(
    ' ',
  ),
);

/** An environment variable by which every process of a run can be told, wherever it went. */
const runVariable = 'QGA_RUN';

/**
 * The script that starts a command in a guest at most once, waits for it, records how it ends, and tells it. (C11 and
 * the like: docs/protocol-facts.md.)
 *
 * It goes to `/bin/sh -s <id>` on standard input, never in arguments: those land in the guest's syslog (C11). Running it
 * again with the same id never starts the command again; it says that the id is taken.
 *
 * - `<id>.claim` is made with noclobber (O_EXCL), the at-most-once gate; it holds the launcher's pid and the boot id.
 * - `<id>.out` and `.err` are what is kept of the command's streams, `.out.tail` and `.err.tail` the end of what came
 *   after that: files, so that no output fills the agent's memory (C1–C3) and no background child keeps the agent
 *   waiting (C9); bounded, so that none fills the guest's either.
 * - `<id>.in` and `.sh` are what it reads and the script it runs.
 * - `<id>.end` holds the exit code and how it came; `<id>.full` says that nothing was started for want of space.
 * - `<id>.kill` says that the command was to be ended: where it stood before the end came, `.end` says so, too.
 *
 * Everything is a shell built-in except the command itself, its setsid, and what keeps and prints what it printed: forks
 * and programs are what costs, and after them the text, which the shell reads byte by byte. Names begin with `_qga`, so
 * that no variable or program of the user's meets one of them. The whole stands in braces so that the shell has read all
 * of it before anything runs.
 */
export function startScript({ id, launch, ifBootIdIs, drop = [] }: SpoolStart): string {
  const lines = [
    prologue(id),
    `[ -d ${spoolFolder} ] || mkdir -m 700 ${spoolFolder} 2>/dev/null || [ -d ${spoolFolder} ] || { echo "qga1 ${id} nospool"; exit; }`,
    ifBootIdIs !== undefined &&
      `[ "$_qga_boot" = ${shellQuote(ifBootIdIs)} ] || { echo "qga1 ${id} absent $_qga_boot"; exit; }`,
    drop.length > 0 && dropScript(drop),
    `_qga_full() { rm -f "$_qga.in" "$_qga_sh"; true >"$_qga.full"; echo "qga1 ${id} nospool"; exit; }`,
    claim(id),
    // Room for how it ended is kept: /run may be full by then.
    'echo >"$_qga.room" && true >"$_qga.sig" && true >"$_qga.out" && true >"$_qga.err" || _qga_full',
    '_qga_in=/dev/null',
    launch.stdin && `_qga_in=$_qga.in\n${fileScript('$_qga.in', launch.stdin)}`,
    launch.script && (launch.user ? sharedScriptPath(id) : '_qga_sh=$_qga.sh'),
    launch.script && fileScript('$_qga_sh', Buffer.from(launch.script.text, 'utf8')),
    run(id, launch),
    (launch.stdin ?? launch.script) && 'rm -f "$_qga.in" "$_qga_sh"',
    `read -r _qga_code _qga_how <"$_qga.end" || { echo "qga1 ${id} lost $_qga_boot"; exit; }`,
    sizesByPositionScript,
    tellScript(id),
  ];
  return `{\n${lines.filter(Boolean).join('\n')}\n}\n`;
}

/** The script that tells how a run fares that may have been started before; it starts nothing. Sent as the other one. */
export function lookScript(id: string): string {
  return `{
${prologue(id)}
_qga_pid= _qga_since= _qga_code= _qga_how= _qga_alive=
if ! [ -e "$_qga.claim" ]; then echo "qga1 ${id} absent $_qga_boot"; exit; fi
if [ -e "$_qga.full" ]; then echo "qga1 ${id} nospool"; exit; fi
read -r _qga_pid _qga_since 2>/dev/null <"$_qga.claim" || { sleep 5; read -r _qga_pid _qga_since <"$_qga.claim"; }
if [ -z "$_qga_pid" ]; then echo "qga1 ${id} lost $_qga_boot"; exit; fi
[ "$_qga_since" = "$_qga_boot" ] || { echo "qga1 ${id} rebooted $_qga_boot"; exit; }
if [ "$_qga_pid" = withdrawn ]; then echo "qga1 ${id} withdrawn $_qga_boot"; exit; fi
_qga_ended() {
if read -r _qga_code _qga_how 2>/dev/null <"$_qga.end"; then
${sizesScript}
${tellScript(id)}
fi
}
_qga_ended
read -r _qga_alive 2>/dev/null <"/proc/$_qga_pid/cmdline"
case $_qga_alive in *${id}*) ;; *)
_qga_alive=
read -r _qga_pid 2>/dev/null <"$_qga.pid" && read -r _qga_alive 2>/dev/null <"/proc/$_qga_pid/stat"
case $_qga_alive in *") Z "* | '') false ;; esac || { sleep 1; _qga_ended; echo "qga1 ${id} lost $_qga_boot"; exit; } ;;
esac
${sizesScript}
echo "qga1 ${id} running $_qga_boot $_qga_o $_qga_e"
[ ! -s "$_qga.out" ] || tail -c ${progressBytes} "$_qga.out"
[ ! -s "$_qga.err" ] || tail -c ${progressBytes} "$_qga.err" >&2
exit
}
`;
}

/**
 * The script that ends a run: SIGTERM to all of its processes, and SIGKILL to those that are left after a grace. Its own
 * are those of its session, their descendants, and, where grep can read past a NUL, whatever has its variable. Each is
 * named by its pid and its start, since pids come again. A run that has not been started never will be: the script takes
 * its claim. One that has ended by itself is left as it is, and so is what it put into the background.
 */
export function killScript(id: string, graceSeconds: number): string {
  return `{
${prologue(id)}
[ -d ${spoolFolder} ] || mkdir -m 700 ${spoolFolder} 2>/dev/null
set -C
{ echo "withdrawn $_qga_boot" >"$_qga.claim"; } 2>/dev/null && { echo "qga1 ${id} withdrawn $_qga_boot"; exit; }
set +C
if [ -e "$_qga.end" ] || [ -e "$_qga.full" ]; then echo "qga1 ${id} taken"; exit; fi
_qga_s=none _qga_pids=' ' _qga_all=
read -r _qga_s 2>/dev/null <"$_qga.pid"
_qga_add() { _qga_pids="$_qga_pids$1 "; _qga_all="$_qga_all $1:$2"; _qga_more=1; }
_qga_scan() {
for _qga_f in /proc/[0-9]*/stat; do
read -r _qga_l 2>/dev/null <"$_qga_f" || continue
_qga_p=\${_qga_l%% *}
case $_qga_pids in *" $_qga_p "*) continue ;; esac
set -- \${_qga_l##*) }
if [ "$4" = "$_qga_s" ]; then _qga_add "$_qga_p" "\${20}"; else
case $_qga_pids in *" $2 "*) _qga_add "$_qga_p" "\${20}" ;; esac
fi
done
}
_qga_more=1
while [ "$_qga_more" ]; do _qga_more=; _qga_scan; done
for _qga_f in $(grep -lsF ${runVariable}=${id} /proc/[0-9]*/environ); do
_qga_p=\${_qga_f#/proc/} _qga_p=\${_qga_p%/environ}
case $_qga_pids in *" $_qga_p "*) continue ;; esac
read -r _qga_l 2>/dev/null <"/proc/$_qga_p/stat" || continue
set -- \${_qga_l##*) }
_qga_add "$_qga_p" "\${20}"
done
_qga_kill() {
for _qga_a in $_qga_all; do
read -r _qga_l 2>/dev/null <"/proc/\${_qga_a%:*}/stat" || continue
_qga_sent=$1
set -- \${_qga_l##*) }
[ "\${20}" != "\${_qga_a#*:}" ] || kill -$_qga_sent "\${_qga_a%:*}" 2>/dev/null
set -- $_qga_sent
done
}
if [ "$_qga_all" ] && ! [ -e "$_qga.end" ]; then
true >"$_qga.kill"
_qga_kill TERM
(sleep ${graceSeconds}; _qga_kill KILL) </dev/null >/dev/null 2>&1 &
fi
echo "qga1 ${id} taken"
exit
}
`;
}

function prologue(id: string): string {
  return `_qga=${spoolFolder}/${id} _qga_boot=-\nread -r _qga_boot </proc/sys/kernel/random/boot_id`;
}

/** What could not be claimed is taken, or there is no room for a claim. */
function claim(id: string): string {
  return `_qga_mine=
set -C
{ { _qga_mine=1; echo "$$ $_qga_boot" || _qga_mine=full; } >"$_qga.claim"; } 2>/dev/null
set +C
case $_qga_mine in
full) _qga_full ;;
'') if [ -e "$_qga.claim" ]; then echo "qga1 ${id} taken"; else echo "qga1 ${id} nospool"; fi; exit ;;
esac`;
}

/**
 * Runs the command with its streams bounded, and writes how it ended into `.end` even while a child of it still holds a
 * stream open.
 *
 * A shell says on its standard error that a signal ended a foreground command, which is the only way a POSIX shell tells
 * `exit 137` from SIGKILL; of SIGINT and SIGPIPE it is silent. So its standard error is a file meanwhile.
 */
function run(id: string, launch: Launch): string {
  const { command, script, workingDirectory = '/', user, limitBytes } = launch;
  const exports = launch.env.map(({ name, value }) => {
    const unset = countedByBash.has(name) ? `unset ${name}; ` : '';
    return `${unset}export ${name}=${shellQuote(value)}`;
  });
  const words = [...command.map(shellQuote), ...(script ? ['"$_qga_sh"', ...script.args.map(shellQuote)] : [])];
  const inside = [
    ...exports,
    `export ${runVariable}=${id}`,
    // /proc/self is the shell's own process, of which $$ tells only the parent's.
    'read -r _qga_self _qga_rest </proc/self/stat; echo "$_qga_self" >"$_qga.pid"',
    user && `id -u ${shellQuote(user)} >/dev/null 2>&1 || { echo nouser >"$_qga.none"; exit 127; }`,
    `cd ${shellQuote(workingDirectory)} 2>/dev/null || { echo nodir >"$_qga.none"; exit 127; }`,
    'command -v -- "$1" >/dev/null || { echo none >"$_qga.none"; exit 127; }',
    user && `set -- su -s /bin/sh -c 'exec "$@"' -- ${shellQuote(user)} sh "$@"`,
    'if [ "$_qga_setsid" ]; then exec "$_qga_setsid" -- "$@"; fi',
    'exec "$@"',
  ];
  return `set -- ${words.join(' ')}
${script && user ? `chown ${shellQuote(user)} "$_qga_sh" 2>/dev/null` : ''}
_qga_setsid=/usr/bin/setsid; [ -x "$_qga_setsid" ] || _qga_setsid=/bin/setsid; [ -x "$_qga_setsid" ] || _qga_setsid=
${keepScript(limitBytes)}
exec 8>"$_qga.out" 9>"$_qga.err"
{ { {
_qga_how=exit
(
${inside.filter(Boolean).join('\n')}
) <"$_qga_in" 2>&4 4>&- 5>&- 8>&- 9>&-
_qga_code=$?
if [ $_qga_code -gt 128 ] && [ -s "$_qga.sig" -o $_qga_code -eq 130 -o $_qga_code -eq 141 ]; then _qga_how=signal
elif [ $_qga_code -eq 127 ] && [ -e "$_qga.none" ]; then read -r _qga_how <"$_qga.none"; fi
[ ! -e "$_qga.kill" ] || _qga_how="$_qga_how killed"
true >"$_qga.room"; echo "$_qga_code $_qga_how" >"$_qga.end"
} 4>&1 >&5 2>"$_qga.sig" | _qga_keep "$_qga.err" >&9; } 5>&1 2>/dev/null | _qga_keep "$_qga.out" >&8; } 2>/dev/null`;
}

function sharedScriptPath(id: string): string {
  return `_qga_sh=${scriptFolder}/${id}.sh\n[ -d ${scriptFolder} ] || mkdir -m 711 ${scriptFolder} 2>/dev/null || [ -d ${scriptFolder} ] || _qga_full`;
}

/** Behind the run's back: nobody waits for it. */
function dropScript(ids: readonly string[]): string {
  return `(set --; for _qga_id in ${ids.join(' ')}; do set -- "$@" ${spoolFolder}/$_qga_id.*; done; rm -f "$@") >/dev/null 2>&1 </dev/null &`;
}

/**
 * Writes a file that only its owner reads, in lines of 76 characters, as every base64 decoder reads them. A command must
 * not run with half of its input, and busybox's decoder doesn't tell when there was no room for the rest.
 */
function fileScript(path: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{76}/g, '$&\n');
  return `(umask 077; base64 -d >"${path}") <<'QGA' && [ $(wc -c <"${path}") -eq ${bytes.length} ] || _qga_full
${lines}
QGA`;
}
