import type { PasswordResult } from '../../api/schema/password.ts';
import { type Account, hasHash, isExpired, isLocked, readAccount } from '../../guest/account.ts';
import { failureReason } from '../../guest/failure-reason.ts';
import { guestExec } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import type { ActionRun, Ending } from './action.ts';

/** What the guest shows of an account; undefined where it shows nothing. Throws as `readAccount` does. */
export async function lookAtAccount(
  { guest, clock, stopped, withdrawn }: ActionRun,
  username: string,
): Promise<Account | undefined> {
  const { health } = guest;
  const blocked = health.state === 'answers' && health.facts.agent?.blockedCommands?.includes(guestExec.name);
  if (blocked) return undefined;
  return await readAccount(guest.agent, username, { clock, signal: AbortSignal.any([stopped, withdrawn]) });
}

/** Whether an account has this hash, and what is to be said of it; `hash` undefined: nobody can compare. */
export function resultOf(account: Account | undefined, hash: string | undefined, now: number): PasswordResult {
  if (!account) return { verified: 'Unknown' };
  const state = stateOf(account, now);
  if (hash === undefined || (account.field === undefined && account.exists)) {
    return { verified: 'Unknown', account: state };
  }
  return { verified: hasHash(account, hash) ? 'True' : 'False', account: state };
}

/** Why no password can be set, or should be, as the guest itself shows; undefined where nothing speaks against it. */
export function accountProblem(
  account: Account | undefined,
  { guest, username, now }: { guest: string; username: string; now: number },
): Ending | undefined {
  if (!account) return undefined;
  const failed = (reason: string, message: string): Ending => ({
    phase: 'Failed',
    reason,
    message: `${message}: nothing was set`,
    password: { verified: 'False', account: stateOf(account, now) },
  });
  if (!account.exists) return failed('UnknownUser', `guest ${guest} has no account ${username}`);
  if (isLocked(account)) {
    return failed(
      'AccountLocked',
      `account ${username} of guest ${guest} is locked, and a new password would unlock it`,
    );
  }
  if (isExpired(account, now)) {
    return failed(
      'AccountExpired',
      `account ${username} of guest ${guest} has expired, and nobody could log in with a new password`,
    );
  }
  if (account.readOnly) {
    return failed('ReadOnlyFilesystem', `guest ${guest} has what /etc/shadow lies on mounted read-only`);
  }
  return undefined;
}

/** Undefined for a failure that waiting may cure. */
export function finalFailure(error: unknown): Ending | undefined {
  if (!(error instanceof AgentError)) throw error;
  if (error.retryable) return undefined;
  return { phase: 'Failed', reason: failureReason(error), message: error.message };
}

function stateOf(account: Account, now: number): PasswordResult['account'] {
  if (!account.exists) return 'Missing';
  if (isLocked(account)) return 'Locked';
  return isExpired(account, now) ? 'Expired' : 'Active';
}
