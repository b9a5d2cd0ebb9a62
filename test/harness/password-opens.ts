import { shellLine } from './hypervisor/control-channel.ts';
import type { TestGuest } from './hypervisor/guest.ts';

/** The account that every flavour of guest has, besides root, which has no password. */
export const ordinaryUser = { name: 'app', password: 'app-password' };

/** A refused login waits by itself, and an emulated PAM stack takes its time on a busy machine. */
const loginTimeoutMs = 120_000;

/**
 * Whether the guest lets an ordinary user become `user` with the password: a real login through su(1) and PAM. False
 * for a wrong password as well as for an account that is locked, expired or not there.
 */
export async function passwordOpens(guest: TestGuest, user: string, password: string): Promise<boolean> {
  // Root would not be asked for a password.
  const login = shellLine(['su', '-s', '/bin/sh', 'nobody', '-c', shellLine(['su', user, '-c', 'true'])]);
  const { exitCode, stderr } = await guest.sh(`${shellLine(['printf', '%s\\n', password])} | ${login}`, loginTimeoutMs);
  if (exitCode > 1) throw new Error(`${guest.name} could not try a login: ${stderr}`);
  return exitCode === 0;
}
