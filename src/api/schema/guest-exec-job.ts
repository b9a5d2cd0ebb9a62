import * as z from 'zod';
import { conditions, labelSelector, listMapBy, rules, time } from './common.ts';
import { exec } from './exec.ts';
import { taskPhases } from './guest-task.ts';

const target = z
  .object({
    guestName: z.string().min(1).max(253).optional().describe('One Guest of this namespace.'),
    selector: labelSelector.optional().describe('Every Guest of this namespace with these labels.'),
  })
  .meta(
    rules({
      rule: 'has(self.guestName) != has(self.selector)',
      message: 'target needs exactly one of guestName and selector',
    }),
  );

export const guestExecJobSpec = z
  .object({
    target,
    exec,
    parallelism: z.int().min(1).max(10000).default(10).describe('In how many guests at once.'),
    startingDeadlineSeconds: z
      .int()
      .min(1)
      .max(31536000)
      .default(60)
      .describe('How long a guest that is missing, off or silent is waited for, from the start of the job.'),
    activeDeadlineSeconds: z
      .int()
      .min(1)
      .max(31536000)
      .optional()
      .describe('How long the job may take; what is not done by then is no longer waited for, and the job fails.'),
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
    ),
  );

/** How the run in one guest went. */
const guestResult = z.object({
  name: z.string(),
  node: z.string().optional(),
  phase: z.enum(taskPhases),
  reason: z.string().optional(),
  message: z.string().optional(),
  startTime: time.optional(),
  completionTime: time.optional(),
  attempts: z.int(),
  taskName: z.string().optional().describe('The GuestTask with the rest.'),
  exitCode: z.int().optional(),
  signal: z.int().optional(),
  stdout: z.string().optional(),
  stderr: z.string().optional(),
  truncated: z.boolean().optional(),
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
  unknown: z.int().optional().describe('Guests of which nobody can say how it ended, or whether it ran.'),
  guests: z
    .array(guestResult)
    .max(100)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The first 100, those that failed or are unknown first; every guest has a GuestTask.'),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestExecJobSpec = z.infer<typeof guestExecJobSpec>;
export type GuestExecJobStatus = z.infer<typeof guestExecJobStatus>;
export type GuestResult = z.infer<typeof guestResult>;
