import type { PasswordPolicy } from '../../api/schema/password-policy.ts';
import { type CryptKind, freshSetting, hashBySetting } from './crypt-hash.ts';
import { generatePassword } from './generate.ts';

/** Makes passwords and their hashes: a seam, because a fault search needs thousands a second. */
export interface PasswordCraft {
  generate(policy: PasswordPolicy): string;
  /** Throws YescryptUnavailableError. */
  setting(kind: CryptKind): Promise<string>;
  /** Throws PasswordUnhashableError or YescryptUnavailableError. */
  hash(password: string, setting: string): Promise<string>;
}

export const systemCraft: PasswordCraft = {
  generate: (policy) => generatePassword(policy),
  setting: freshSetting,
  hash: hashBySetting,
};

/** Whether a setting makes hashes of this kind; without one the clear text is what counts. */
export function isSettingOf(setting: string | undefined, kind: CryptKind | 'None'): boolean {
  switch (kind) {
    case 'None':
      return setting === undefined;
    case 'sha512crypt':
      return setting?.startsWith('$6$') ?? false;
    case 'yescrypt':
      return setting?.startsWith('$y$') ?? false;
  }
}
