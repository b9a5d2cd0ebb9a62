import { finalFailure, lookAtAccount, resultOf } from './account-look.ts';
import { type Action, DeadlineReached, lostInTakeOver } from './action.ts';

/** Compares an account's password field with the sealed hash, and changes nothing. */
export const verifyPasswordAction: Action = {
  // Where the guest lets nobody look, that is its answer.
  commands: () => [],
  async run(run) {
    const { verifyPassword } = run.task.spec.action;
    if (!verifyPassword) throw new TypeError('the task verifies no password');
    const { secret, clock } = run;
    if (secret?.kind !== 'passwordHash') {
      const message = 'what is sealed for the task is no hash to compare with: nothing was asked';
      return { phase: 'Failed', reason: 'SealBroken', message };
    }
    try {
      const account = await lookAtAccount(run, verifyPassword.username);
      const password = resultOf(account, secret.passwordHash, clock.now());
      return { phase: 'Succeeded', reason: 'Compared', message: '', password };
    } catch (error) {
      if (error instanceof DeadlineReached) {
        return { phase: 'Failed', reason: 'DeadlineExceeded', message: 'the guest did not answer by the deadline' };
      }
      return finalFailure(error);
    }
  },
  takeOver: async (run) => (run.secret ? await verifyPasswordAction.run(run) : lostInTakeOver(run)),
};
