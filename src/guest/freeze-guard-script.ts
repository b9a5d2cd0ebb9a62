import { shellQuote } from './shell-quote.ts';

export interface ArmRequest {
  /** Names the guard in the guest: a UUID, the task's. */
  id: string;
  /** Differs each time a guard is armed: the one before it then does nothing. */
  nonce: string;
  seconds: number;
  mountpoints?: readonly string[] | undefined;
}

/** How often a guard that had to fire fires again, a second apart: a freeze that was late may come after the first. */
const shots = 60;

/**
 * The guard itself. It thaws only while its mark is there and is its own, so that it never undoes somebody else's
 * freeze. Its shell and `sleep` run from before the freeze; what it starts later was run once before, so that a frozen
 * root has it in memory. It writes only to /run, after the thaw.
 */
const guard = `
mark=$1 nonce=$2 seconds=$3
shift 3
unfreeze() { $thaw "$1" && fired=1; }
sleep "$seconds"
shots=${shots}
while [ $shots -gt 0 ] && read -r found _ <"$mark.guard" && [ "$found" = "$nonce" ]; do
  fired=
  if [ $# -gt 0 ]; then
    for point; do unfreeze "$point"; done
  else
    while read -r device point _; do
      case $device in /*) unfreeze "$(printf %b "$point")" ;; esac
    done </proc/self/mounts
  fi
  [ -z "$fired" ] || echo >"$mark.fired"
  sleep 1
  shots=$((shots - 1))
done
`;

/**
 * The script that arms a guard: prints \`armed\`, or \`unavailable\` where the guest has no program to thaw with. Marks of
 * earlier guards go, and with them their guards. Both util-linux and busybox know \`fsfreeze --unfreeze\` (C42). Where it is
 * disarmed meanwhile, since the answer was lost and came too late, nothing stays armed.
 */
export function armScript({ id, nonce, seconds, mountpoints = [] }: ArmRequest): string {
  return `{
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
_mark=/run/qga/${id}
[ -d /run/qga ] || mkdir -m 700 /run/qga
${endGuard(id)}
rm -f /run/qga/*.guard /run/qga/*.fired /run/qga/*.off
if fsfreeze --help >/dev/null 2>&1; then thaw='fsfreeze --unfreeze'
elif busybox fsfreeze --help >/dev/null 2>&1; then thaw='busybox fsfreeze --unfreeze'
else echo unavailable; exit; fi
sleep 0
_setsid=; command -v setsid >/dev/null && _setsid=setsid
export thaw
$_setsid sh -c ${shellQuote(`: ${id}${guard}`)} guard "$_mark" ${nonce} ${seconds} ${mountpoints.map(shellQuote).join(' ')} </dev/null >/dev/null 2>&1 &
echo "${nonce} $!" >"$_mark.guard" && [ ! -e "$_mark.off" ] && echo armed && exit
${endGuard(id)}
exit
}
`;
}

/**
 * The script that disarms a guard, as often as it is run: prints \`fired\` or \`quiet\`, and the boot id. The mark goes
 * first: a guard that nobody can end does nothing without it. One that is being armed meets the other mark, and ends.
 */
export function disarmScript(id: string): string {
  return `{
_mark=/run/qga/${id}
[ ! -d /run/qga ] || echo >"$_mark.off"
${endGuard(id)}
_state=quiet; [ -e "$_mark.fired" ] && _state=fired
read -r _boot </proc/sys/kernel/random/boot_id
echo "$_state $_boot"
exit
} 2>/dev/null
`;
}

/** A shell reads the first line of a command line only: there stands the id, as the guard's first word. */
function endGuard(id: string): string {
  return `
{
  _pid= _line=
  read -r _ _pid <"$_mark.guard"
  rm -f "$_mark.guard"
  [ -z "$_pid" ] || read -r _line <"/proc/$_pid/cmdline"
  case $_line in *${id}*) kill -s TERM -- "-$_pid" || kill "$_pid" ;; esac
} 2>/dev/null`.trim();
}
