import * as z from 'zod';
import { rules } from './common.ts';

/** An account in the guest, as chpasswd takes it (C29). */
export const username = z
  .string()
  .min(1)
  .max(256)
  .meta(
    rules({
      rule: String.raw`!self.contains(':') && !self.contains('\n') && !self.contains('\u0000') && !self.startsWith('-')`,
      message: 'a username has no colon, newline or NUL in it, and does not begin with -',
    }),
  );

/** A GuestTask's action: set a password. The hash, or the clear text where `crypted` is false, is in spec.sealed. */
export const setPasswordAction = z.object({
  username,
  crypted: z.boolean().default(true).describe('What is sealed is a crypt(3) hash; Windows takes clear text only.'),
});

/** A GuestTask's action: is the account's hash still the sealed one? Changes nothing. */
export const verifyPasswordAction = z.object({ username });

/** What such a task found out. Never the hash: not even that is for a status. */
export const passwordResult = z.object({
  verified: z
    .enum(['True', 'False', 'Unknown'])
    .describe('Whether the account has the sealed hash: Unknown where the guest lets nobody read its shadow file.'),
  account: z
    .enum(['Active', 'Locked', 'Expired', 'Missing'])
    .optional()
    .describe('What the guest says of the account, where it lets anybody look.'),
});

export type SetPasswordAction = z.input<typeof setPasswordAction>;
export type PasswordResult = z.infer<typeof passwordResult>;
