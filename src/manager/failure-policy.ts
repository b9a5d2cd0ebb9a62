import type { FailureRule, GuestExecJobSpec, GuestResult } from '../api/schema/guest-exec-job.ts';

export type FailureAction = FailureRule['action'];

/** Ends before which nothing was started because the guest could not be reached. */
const unavailable: ReadonlySet<string | undefined> = new Set(['Undeliverable', 'GuestGone']);
/** Ends after which another attempt would come to the same. */
const hopeless: ReadonlySet<string | undefined> = new Set([
  'CommandNotFound',
  'CommandBlocked',
  'CommandUnsupported',
  'NoAgentChannel',
  'GuestReplaced',
  'DeadlineExceeded',
  ...unavailable,
]);

/** An attempt that somebody let go of is the last, whatever a rule says of how it was ended. */
const letGo = 'Released';

/**
 * What to make of an attempt that did not succeed: the first rule of failurePolicy that matches it, else a retry where
 * one may help and do no harm (C13).
 */
export function failureAction(
  { failurePolicy, idempotent = false }: Pick<GuestExecJobSpec, 'failurePolicy' | 'idempotent'>,
  result: GuestResult,
): FailureAction {
  const rule = failurePolicy?.rules.find((each) => matches(each, result));
  const mayRetry = (result.phase !== 'Unknown' || idempotent) && result.reason !== letGo;
  if (rule) return rule.action === 'Retry' && !mayRetry ? 'FailGuest' : rule.action;
  return mayRetry && !hopeless.has(result.reason) ? 'Retry' : 'FailGuest';
}

/** Whether a result says that nothing was started because the guest could not be reached. */
export function isUnavailable({ reason }: GuestResult): boolean {
  return unavailable.has(reason);
}

function matches({ onExitCodes, onSignals, onOutcomes = [] }: FailureRule, result: GuestResult): boolean {
  const { phase, exitCode, signal } = result;
  if (onOutcomes.includes('Unknown') && phase === 'Unknown') return true;
  if (onOutcomes.includes('AgentUnavailable') && isUnavailable(result)) return true;
  if (signal !== undefined) return onSignals?.includes(signal) ?? false;
  if (exitCode === undefined || !onExitCodes) return false;
  return onExitCodes.values.includes(exitCode) === (onExitCodes.operator === 'In');
}
