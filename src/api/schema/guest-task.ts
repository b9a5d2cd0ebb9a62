import * as z from 'zod';
import { conditions, immutable, listMapBy, rules, setOnce, time, uuid } from './common.ts';
import { exec, execResult } from './exec.ts';

const action = z
  .object({ exec: exec.optional() })
  .meta(
    rules(
      { rule: 'has(self.exec)', message: 'a task needs exactly one action: exec' },
      { rule: 'self == oldSelf', message: "a task's action can't be changed: create another task" },
    ),
  );

export const guestTaskSpec = z
  .object({
    guestName: z.string().min(1).max(253).meta(immutable("a task's guestName")).describe('A Guest in this namespace.'),
    guestUID: uuid
      .meta(setOnce('guestUID'))
      .optional()
      .describe(
        "The domain's UUID: another domain of the same name never receives this task. The manager fills it in.",
      ),
    nodeName: z
      .string()
      .max(253)
      .meta(setOnce('nodeName'))
      .optional()
      .describe('The GuestHost whose agent carries the task out. The manager fills it in, as a scheduler binds a pod.'),
    action,
    deadline: time.optional().describe('Not waited for any longer than this.'),
    startingDeadline: time
      .optional()
      .describe('Given up as Undeliverable when the guest could not be reached by then.'),
    attempt: z.int().min(0).optional(),
  })
  .meta(
    rules(
      {
        rule: '!has(oldSelf.nodeName) || has(self.nodeName)',
        message: "nodeName is set once and can't be removed afterwards",
      },
      {
        rule: '!has(oldSelf.guestUID) || has(self.guestUID)',
        message: "guestUID is set once and can't be removed afterwards",
      },
    ),
  );

export const taskPhases = ['Pending', 'Claimed', 'Running', 'Succeeded', 'Failed', 'Unknown', 'Skipped'] as const;

export const guestTaskStatus = z.object({
  observedGeneration: z.int().optional(),
  phase: z.enum(taskPhases).optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  claim: z
    .object({
      node: z.string(),
      instance: z.string().describe('The agent process that claimed it.'),
      journal: z.string().describe("The node's journal that knows what was done of it."),
      time,
    })
    .optional(),
  startTime: time.optional(),
  completionTime: time.optional(),
  exec: execResult.optional(),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestTaskSpec = z.infer<typeof guestTaskSpec>;
export type GuestTaskStatus = z.infer<typeof guestTaskStatus>;
export type TaskPhase = (typeof taskPhases)[number];
