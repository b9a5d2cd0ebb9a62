import * as z from 'zod';
import { conditions, intOrPercent, listMapBy, rules, time } from './common.ts';
import { exec } from './exec.ts';
import { guestResultFields } from './guest-result.ts';
import { target } from './target.ts';

/** What to make of an attempt that ended in a certain way. */
const failureRule = z
  .object({
    action: z
      .enum(['Ignore', 'Retry', 'FailGuest', 'FailJob'])
      .describe(
        'Ignore: it does not fail the job. Retry: another attempt while backoffLimit allows one. FailGuest: no further attempt. FailJob: nothing further is started anywhere, and what runs is ended.',
      ),
    onExitCodes: z
      .object({
        operator: z.enum(['In', 'NotIn']),
        values: z.array(z.int().min(1).max(255)).min(1).max(255).meta({ 'x-kubernetes-list-type': 'set' }),
      })
      .optional()
      .describe('Matches a command that exited with a code other than 0.'),
    onSignals: z
      .array(z.int().min(1).max(64))
      .min(1)
      .max(64)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe('Matches a command that one of these signals ended.'),
    onOutcomes: z
      .array(z.enum(['AgentUnavailable', 'Unknown']))
      .min(1)
      .max(2)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'set' })
      .describe(
        'AgentUnavailable: nothing was started, the guest could not be reached in time. Unknown: it may have run, and nobody knows how it ended.',
      ),
  })
  .meta(
    rules({
      rule: '[has(self.onExitCodes), has(self.onSignals), has(self.onOutcomes)].filter(given, given).size() == 1',
      message: 'a rule of failurePolicy needs exactly one of onExitCodes, onSignals and onOutcomes',
    }),
  );

export type FailureRule = z.infer<typeof failureRule>;

export const guestExecJobSpec = z
  .object({
    target,
    exec,
    parallelism: intOrPercent('parallelism', { minimum: 1 })
      .default(10)
      .describe('In how many guests at once, or in what share of them.'),
    maxFailures: intOrPercent('maxFailures', { minimum: 0 })
      .optional()
      .describe(
        'Starts in no further guest once more guests than this, or than this share of all, have failed. Without it every guest has its turn.',
      ),
    backoffLimit: z
      .int()
      .min(0)
      .max(100)
      .default(0)
      .describe(
        'How often a guest in which the command failed is tried again, 10 s later, then 20 s, 40 s, up to 6 min.',
      ),
    failurePolicy: z
      .object({ rules: z.array(failureRule).min(1).max(20).meta({ 'x-kubernetes-list-type': 'atomic' }) })
      .optional()
      .describe('What to make of attempts that fail: the first rule that matches decides.'),
    idempotent: z
      .boolean()
      .optional()
      .describe(
        'true says that the command does no harm run twice: then attempts whose outcome nobody knows may be tried again.',
      ),
    dryRun: z.boolean().optional().describe('Runs nothing; status.guests lists who would run, who would not, and why.'),
    startingDeadlineSeconds: z
      .int()
      .min(1)
      .max(31536000)
      .default(60)
      .describe(
        'How long a guest that is missing, off or silent is waited for, from the start of the job, or from when its next attempt is due; and a missing Secret or ConfigMap, from when it was first missed.',
      ),
    activeDeadlineSeconds: z
      .int()
      .min(1)
      .max(31536000)
      .optional()
      .describe(
        'How long the job may take; then what still runs is ended with all it started, SIGTERM first, and the job fails. With mode Direct it is no longer waited for.',
      ),
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(2147483647)
      .optional()
      .describe('The job deletes itself this long after it finished. Without it, it stays.'),
    suspend: z.boolean().optional().describe('Starts in no further guest while true.'),
  })
  .meta(
    rules(
      { rule: 'self.target == oldSelf.target', message: "a job's target can't be changed: create another job" },
      { rule: 'self.exec == oldSelf.exec', message: "a job's exec can't be changed: create another job" },
      {
        rule: 'has(self.dryRun) == has(oldSelf.dryRun) && (!has(self.dryRun) || self.dryRun == oldSelf.dryRun)',
        message: "a job's dryRun can't be changed: create another job",
      },
      {
        rule: "(has(self.idempotent) && self.idempotent) || !has(self.failurePolicy) || !self.failurePolicy.rules.exists(r, r.action == 'Retry' && has(r.onOutcomes) && 'Unknown' in r.onOutcomes)",
        message: 'a command whose outcome is Unknown may have run: only with idempotent: true can it be retried',
      },
    ),
  );

/** How the run in one guest went. */
const guestResult = z.object({
  ...guestResultFields,
  exitCode: z.int().optional(),
  signal: z.int().optional(),
  stdout: z.string().optional(),
  stderr: z.string().optional(),
  truncated: z.boolean().optional(),
  ignored: z.boolean().optional().describe('It failed, and failurePolicy says that this does not fail the job.'),
});

const jobPhases = ['Waiting', 'Running', 'Suspended', 'Complete', 'Failed'] as const;

export const guestExecJobStatus = z.object({
  observedGeneration: z.int().optional(),
  phase: z.enum(jobPhases).optional().describe('The conditions in one word, for people.'),
  startTime: time.optional(),
  completionTime: time.optional(),
  completions: z.string().optional().describe('Succeeded of all, as `kubectl get` shows it: 7/8.'),
  targets: z.int().optional().describe('In how many guests the command is to run.'),
  waiting: z.int().optional().describe('Guests in which it has not been started.'),
  active: z.int().optional().describe('Guests in which it has been, or may have been, started and has not ended.'),
  succeeded: z.int().optional(),
  failed: z.int().optional(),
  ignored: z.int().optional().describe('Guests whose failure failurePolicy ignores; not among the failed.'),
  skipped: z
    .int()
    .optional()
    .describe('Guests in which nothing was started because the job had failed, or is a dry run.'),
  unknown: z.int().optional().describe('Guests of which nobody can say how it ended, or whether it ran.'),
  guests: z
    .array(guestResult)
    .max(100)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The first 100, those that failed or are unknown first; every guest has a GuestTask.'),
  conditions: conditions.optional().meta(listMapBy('type')),
});

/** As a person writes it: the API server fills the defaults in. */
export type GuestExecJobSpec = z.input<typeof guestExecJobSpec>;
export type GuestExecJobStatus = z.infer<typeof guestExecJobStatus>;
export type GuestResult = z.infer<typeof guestResult>;
