import { expect, it } from 'vitest';
import type { FailureRule, GuestResult } from '../../../src/api/schema/guest-exec-job.ts';
import { failureAction } from '../../../src/manager/failure-policy.ts';

const exited = (exitCode: number): GuestResult => ({ ...ended, reason: 'NonZeroExit', exitCode });
const ended = { name: 'a', phase: 'Failed', attempts: 1 } as const;
const killed: GuestResult = { ...ended, reason: 'Signaled', signal: 9 };
const unknown: GuestResult = { ...ended, phase: 'Unknown', reason: 'GuestRebooted' };
const unreachable: GuestResult = { ...ended, reason: 'Undeliverable' };

function decide(result: GuestResult, rules: FailureRule[] = [], idempotent?: boolean) {
  return failureAction({ ...(rules.length > 0 && { failurePolicy: { rules } }), idempotent }, result);
}

it('retries what failed, where the command says so itself', () => {
  expect(decide(exited(1))).toBe('Retry');
  expect(decide(killed)).toBe('Retry');
});

it('never retries what may have happened, unless the command is idempotent', () => {
  const rules: FailureRule[] = [{ action: 'Retry', onOutcomes: ['Unknown'] }];

  expect(decide(unknown)).toBe('FailGuest');
  expect(decide(unknown, rules)).toBe('FailGuest');
  expect(decide(unknown, [], true)).toBe('Retry');
  expect(decide(unknown, rules, true)).toBe('Retry');
});

it.each([
  'CommandNotFound',
  'CommandBlocked',
  'CommandUnsupported',
  'NoAgentChannel',
  'Undeliverable',
  'DeadlineExceeded',
  'Released',
])('does not retry after %s: it would come to the same', (reason) => {
  expect(decide({ ...ended, reason })).toBe('FailGuest');
});

it('does not retry what was let go of, even where a rule would', () => {
  expect(decide({ ...killed, reason: 'Released' }, [{ action: 'Retry', onSignals: [9] }])).toBe('FailGuest');
});

it('lets the first rule that matches decide', () => {
  const rules: FailureRule[] = [
    { action: 'Ignore', onExitCodes: { operator: 'In', values: [3, 4] } },
    { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [1] } },
    { action: 'Retry', onSignals: [9] },
    { action: 'Ignore', onOutcomes: ['AgentUnavailable'] },
  ];

  expect([exited(3), exited(5), exited(1), killed, unreachable].map((result) => decide(result, rules))).toEqual([
    'Ignore',
    'FailJob',
    'Retry',
    'Retry',
    'Ignore',
  ]);
});

it('does not take a signal for an exit code that is not in a list', () => {
  expect(decide(killed, [{ action: 'Ignore', onExitCodes: { operator: 'NotIn', values: [1] } }])).toBe('Retry');
});
