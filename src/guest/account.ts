import { createHash, timingSafeEqual } from 'node:crypto';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import type { GuestAgent } from './guest-agent.ts';
import { runScript } from './run-script.ts';
import { shellQuote } from './shell-quote.ts';

/** What a guest tells of one of its accounts, where it lets anybody look. */
export interface Account {
  exists: boolean;
  /** The password field of /etc/shadow; undefined where the account has no line there. A secret: compare, never tell. */
  field: string | undefined;
  /** Days since the epoch after which nobody can log in; undefined: never. */
  expiresOn: number | undefined;
  /** What /etc/shadow lies on is mounted read-only. */
  readOnly: boolean;
}

/**
 * Looks an account up in the guest, by its own files. Undefined where nobody may look: guest-exec is switched off there,
 * or there is no shell. Throws an AgentError where another try may fare better, or the signal's reason.
 */
export async function readAccount(
  agent: GuestAgent,
  username: string,
  options: { clock: Clock; signal: AbortSignal },
): Promise<Account | undefined> {
  try {
    return parseAccount(await runScript(agent, accountScript(username), options), username);
  } catch (error) {
    if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
    throw error;
  }
}

/** Whether the account's password field is exactly this hash, in a time that tells nothing of where they differ. */
export function hasHash({ field }: Account, hash: string): boolean {
  return field !== undefined && timingSafeEqual(sha256(field), sha256(hash));
}

/**
 * Locked with a password behind the lock, as `passwd -l` does: setting one would unlock it. A field of nothing but `*`
 * and `!` is an account that never had a password.
 */
export function isLocked({ field = '' }: Account): boolean {
  return /^!+[^!*]/.test(field);
}

/** `now` in milliseconds since the epoch. */
export function isExpired({ expiresOn }: Account, now: number): boolean {
  return expiresOn !== undefined && Math.floor(now / 86_400_000) >= expiresOn;
}

/**
 * Prints whether the account is known, how /etc is mounted, and the account's line of /etc/shadow. Built-ins alone, where
 * /etc/passwd has the account. Root's shell can always write, says `test -w` of busybox: the kernel's list of mounts
 * knows better.
 */
export function accountScript(username: string): string {
  return `{
_qga_user=${shellQuote(username)} _qga_known=0 _qga_mount=rw _qga_shadow=
while IFS=: read -r _qga_name _qga_rest || [ "$_qga_name" ]; do
  [ "$_qga_name" != "$_qga_user" ] || _qga_known=1
done </etc/passwd
[ $_qga_known = 1 ] || ! getent passwd "$_qga_user" >/dev/null 2>&1 || _qga_known=1
while read -r _qga_dev _qga_on _qga_type _qga_options _qga_rest; do
  case $_qga_on in /|/etc|/etc/shadow)
    case ,$_qga_options, in *,ro,*) _qga_mount=ro ;; *) _qga_mount=rw ;; esac ;;
  esac
done </proc/mounts
while IFS= read -r _qga_line || [ "$_qga_line" ]; do
  case $_qga_line in "$_qga_user":*) _qga_shadow=$_qga_line ;; esac
done </etc/shadow
printf 'qga1 account %s %s\\n%s\\n' "$_qga_known" "$_qga_mount" "$_qga_shadow"
exit
} 2>/dev/null
`;
}

/** Undefined where it is not what the script prints: a pid used again can bring another run's output (C8). */
export function parseAccount(output: string, username: string): Account | undefined {
  const match = /^qga1 account ([01]) (rw|ro)\n(.*)\n$/.exec(output);
  if (!match) return undefined;
  const [, known, mount, line = ''] = match;
  const [name, field, , , , , , expires] = line.split(':');
  const found = name === username;
  return {
    exists: known === '1' || found,
    field: found ? field : undefined,
    expiresOn: found && expires ? Number(expires) : undefined,
    readOnly: mount === 'ro',
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
