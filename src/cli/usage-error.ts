/** A command line that can't be meant: nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'Usage';
}
