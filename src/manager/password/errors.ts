// No message in this folder ever has a password or a hash in it.

/** No password can be made by this policy; the message says why, for the person who wrote it. */
export class PasswordPolicyError extends Error {
  override readonly name = 'PasswordPolicyError';
  readonly code = 'PasswordPolicyUnusable';
}

/** A password that crypt(3) can't take, or a setting that is not computed here. */
export class PasswordUnhashableError extends Error {
  override readonly name = 'PasswordUnhashableError';
  readonly code = 'PasswordUnhashable';
}

/** yescrypt is asked for where libxcrypt is missing, or too old for it. */
export class YescryptUnavailableError extends Error {
  override readonly name = 'YescryptUnavailableError';
  readonly code = 'YescryptUnavailable';
}
