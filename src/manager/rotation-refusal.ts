import { type ApiError, isInvalid } from '../kube/errors.ts';

/** A path through an object, and nothing that somebody could hide a value in. */
const path = /^(metadata|data|type)[\w./[\]-]{0,100}$/;

/** Says that the API server refused a Secret, and where: the names of its fields, without a word of what they hold. */
export function refusalOf(error: ApiError): string {
  const fields = isInvalid(error) ? [...new Set(error.fields.filter((field) => path.test(field)))] : [];
  const refusal = `the API server did not take the Secret or the task (${error.reason}`;
  if (fields.length === 0) return `${refusal}): tried again soon`;
  return `${refusal}: ${fields.slice(0, 3).join(', ')}): correct spec.secretTemplate where that is from there; tried again soon`;
}
