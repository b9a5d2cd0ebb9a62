import type { PasswordResult, SetPasswordAction } from '../../api/schema/password.ts';
import type { Account } from '../../guest/account.ts';
import { callPriority } from '../../guest/guest-agent.ts';
import { guestSetUserPassword } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import { accountProblem, finalFailure, lookAtAccount, resultOf } from './account-look.ts';
import { type Action, type ActionRun, DeadlineReached, type Ending, lostInTakeOver } from './action.ts';
import { endingOfRefusal } from './refusal.ts';

/** chpasswd may work through a PAM stack, and the agent does nothing else meanwhile (C16). */
const timeoutSeconds = 30;
const looks = 3;
const lookAgainMs = 1000;

/** Sets an account's password and reads back whether it holds. The same value again does no harm (C30). */
export const setPasswordAction: Action = {
  commands: () => [guestSetUserPassword.name],
  async run(run) {
    const { setPassword } = run.task.spec.action;
    if (!setPassword) throw new TypeError('the task sets no password');
    const secret = secretOf(run, setPassword);
    if (!secret) return payloadMissing;
    try {
      return await carryOut(run, setPassword.username, secret);
    } catch (error) {
      if (!(error instanceof DeadlineReached)) throw error;
      const message = 'the guest did not answer by the deadline: it may have set the password';
      return { phase: 'Unknown', reason: 'DeadlineExceeded', message };
    }
  },
  takeOver: async (run) => (run.secret ? await setPasswordAction.run(run) : lostInTakeOver(run)),
};

const payloadMissing: Ending = {
  phase: 'Failed',
  reason: 'SealBroken',
  message: 'what is sealed for the task is not the kind of password that it asks for: nothing was sent',
};

interface Secret {
  text: string;
  /** Undefined where it is clear text, which nobody can compare with what the guest shows. */
  hash: string | undefined;
}

async function carryOut(run: ActionRun, username: string, secret: Secret): Promise<Ending | undefined> {
  const { guest, task, clock, stopped, withdrawn } = run;
  const who = { guest: task.spec.guestName, username, now: clock.now() };
  try {
    const problem = accountProblem(await lookAtAccount(run, username), who);
    if (problem) return problem;
  } catch (error) {
    return finalFailure(error);
  }
  try {
    await guest.agent.setUserPassword(
      { user: username, password: secret.text, encrypted: secret.hash !== undefined },
      { priority: callPriority.action, signal: AbortSignal.any([stopped, withdrawn]), timeoutSeconds },
    );
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.outcome === 'Refused') return await whyPasswordRefused(run, username, secret, error);
    // It may have been set all the same (C30); where nobody can tell, it is set again.
    return error.outcome === 'Unknown' ? await endIfSet(run, username, secret, error) : finalFailure(error);
  }
  const password = resultOf(await lookForLong(run, username), secret.hash, clock.now());
  if (password.verified !== 'False') return passwordSet(password);
  const message = `guest ${who.guest} said that it set the password of ${username}, and its /etc/shadow has another one`;
  return { phase: 'Failed', reason: 'NotVerified', message, password };
}

async function endIfSet(
  run: ActionRun,
  username: string,
  secret: Secret,
  error: AgentError,
): Promise<Ending | undefined> {
  const password = resultOf(await lookForLong(run, username), secret.hash, run.clock.now());
  if (password.verified === 'True') return passwordSet(password);
  return finalFailure(error);
}

function passwordSet(password: PasswordResult): Ending {
  return { phase: 'Succeeded', reason: 'PasswordSet', message: '', password };
}

/** Undefined where the guest shows nothing, or doesn't answer for some seconds. */
async function lookForLong(run: ActionRun, username: string): Promise<Account | undefined> {
  const { clock, stopped, withdrawn } = run;
  for (let look = 1; ; look += 1) {
    try {
      return await lookAtAccount(run, username);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (look === looks) return undefined;
    }
    await clock.sleep(lookAgainMs, AbortSignal.any([stopped, withdrawn]));
  }
}

/** Undefined where a later try may fare better, as while the guest is frozen. */
async function whyPasswordRefused(
  run: ActionRun,
  username: string,
  secret: Secret,
  refusal: AgentError,
): Promise<Ending | undefined> {
  const { guest, task, clock, stopped, withdrawn } = run;
  const name = task.spec.guestName;
  const signal = AbortSignal.any([stopped, withdrawn]);
  return await endingOfRefusal(guest.agent, name, guestSetUserPassword.name, signal, async () => {
    const account = await lookForLong(run, username);
    const problem = accountProblem(account, { guest: name, username, now: clock.now() });
    if (problem) return problem;
    const password = resultOf(account, secret.hash, clock.now());
    if (password.verified === 'True') return passwordSet(password);
    const message = `guest ${name} refused to set the password of ${username}, as its own password rules may do: ${refusal.message}`;
    return { phase: 'Failed', reason: 'PasswordRefused', message, password };
  });
}

function secretOf({ secret }: ActionRun, { crypted = true }: SetPasswordAction): Secret | undefined {
  if (crypted && secret?.kind === 'passwordHash') return { text: secret.passwordHash, hash: secret.passwordHash };
  if (!crypted && secret?.kind === 'password') return { text: secret.password, hash: undefined };
  return undefined;
}
