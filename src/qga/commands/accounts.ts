import * as z from 'zod';
import { base64 } from '../base64.ts';
import { defineCommand } from '../command.ts';
import { listOf, nothing, text, textArgument, usernameArgument } from '../schema.ts';

/**
 * Sets an account's password: base64 of it, or with `crypted` of its hash in the guest's crypt scheme. A password can't
 * have line ends, and Windows takes no hash (C29). It can't be read back, so that after a timeout nobody knows which one
 * holds (C30). Since 2.3.
 */
export const guestSetUserPassword = defineCommand({
  name: 'guest-set-user-password',
  since: '2.3',
  arguments: z.object({ username: usernameArgument, password: base64, crypted: z.boolean() }).strict(),
  reply: nothing,
  effect: 'changes',
  destructive: true,
});

const keysArgument = z
  .array(textArgument(65_536).refine((key) => !/[\r\n]/.test(key), 'must be one line of an authorized_keys file'))
  .max(4096);

/** The lines of an account's authorized_keys file. Refused for an account or a file that is not there. Since 5.2. */
export const guestSshGetAuthorizedKeys = defineCommand({
  name: 'guest-ssh-get-authorized-keys',
  since: '5.2',
  arguments: z.object({ username: usernameArgument }).strict(),
  reply: z.object({ keys: listOf(text) }),
});

/**
 * Adds lines to an account's authorized_keys file, those that it has already left out; with `reset` they replace all that
 * it has. Refused for an account that is not there and for what is no public key. Since 5.2.
 */
export const guestSshAddAuthorizedKeys = defineCommand({
  name: 'guest-ssh-add-authorized-keys',
  since: '5.2',
  arguments: z.object({ username: usernameArgument, keys: keysArgument, reset: z.boolean().optional() }).strict(),
  reply: nothing,
  effect: 'changes',
  destructive: true,
});

/** Takes lines out of an account's authorized_keys file; one that it does not have is no error. Since 5.2. */
export const guestSshRemoveAuthorizedKeys = defineCommand({
  name: 'guest-ssh-remove-authorized-keys',
  since: '5.2',
  arguments: z.object({ username: usernameArgument, keys: keysArgument }).strict(),
  reply: nothing,
  effect: 'changes',
  destructive: true,
});
