import { ApiError } from '../../src/kube/errors.ts';

/** What a person does to an object that may be gone, or may refuse it. */
export function ifThere(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
