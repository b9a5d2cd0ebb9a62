import * as z from 'zod';
import { commandAction, commandResult } from './command-action.ts';
import { conditions, immutable, listMapBy, ownedAsAWhole, rules, setOnce, time, uuid } from './common.ts';
import { exec, execResult } from './exec.ts';
import { readFileAction, readFileResult, writeFileAction, writeFileResult } from './file-actions.ts';
import { freezeAction, freezeResult, microTime } from './freeze.ts';
import { passwordResult, setPasswordAction, verifyPasswordAction } from './password.ts';
import { sealed } from './sealed.ts';

const actions = {
  exec: exec.optional(),
  freeze: freezeAction.optional(),
  setPassword: setPasswordAction.optional(),
  verifyPassword: verifyPasswordAction.optional(),
  command: commandAction.optional(),
  readFile: readFileAction.optional(),
  writeFile: writeFileAction.optional(),
};

const action = z.object(actions).meta(
  rules(
    {
      rule: `[${Object.keys(actions)
        .map((name) => `has(self.${name})`)
        .join(', ')}].filter(given, given).size() == 1`,
      message: `a task needs exactly one action of ${Object.keys(actions).join(', ')}`,
    },
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
      .optional()
      .describe('The GuestHost whose agent carries the task out. The manager fills it in, as a scheduler binds a pod.'),
    moves: z
      .int()
      .min(0)
      .optional()
      .describe('How many times the task followed its guest to another host. The manager counts.'),
    action,
    sealed: sealed
      .optional()
      .describe(
        "What the action takes from Secrets and ConfigMaps, sealed to the node's key. The manager fills it in.",
      ),
    deadline: time.optional().describe('Not waited for any longer than this.'),
    startingDeadline: time
      .optional()
      .describe('Given up as Undeliverable when the guest could not be reached by then.'),
    attempt: z.int().min(0).optional(),
    freezeAt: microTime
      .meta(setOnce('freezeAt'))
      .optional()
      .describe('The instant at which a prepared freeze with a barrier is sent.'),
    release: z
      .boolean()
      .optional()
      .describe('true ends what the task holds: a frozen guest is thawed, a prepared one is let go.'),
  })
  .meta({
    ...ownedAsAWhole,
    ...rules(
      {
        rule: '!has(oldSelf.nodeName) || has(self.nodeName)',
        message: "nodeName can't be removed once it is set",
      },
      {
        rule: '(has(self.moves) ? self.moves : 0) == (has(oldSelf.moves) ? oldSelf.moves : 0) + (has(oldSelf.nodeName) && has(self.nodeName) && self.nodeName != oldSelf.nodeName ? 1 : 0)',
        message:
          'nodeName is set once: only a task that follows its guest to another host gets another one, and counts it in moves',
      },
      {
        rule: '!has(oldSelf.guestUID) || has(self.guestUID)',
        message: "guestUID is set once and can't be removed afterwards",
      },
    ),
  });

export const taskPhases = [
  'Pending',
  'Claimed',
  'Running',
  'Held',
  'Succeeded',
  'Failed',
  'Unknown',
  'Skipped',
] as const;

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
      bootId: z
        .string()
        .max(64)
        .optional()
        .describe('The boot of the guest in which it may be started: in no other, whichever host the guest moves to.'),
      time,
    })
    .optional(),
  startTime: time.optional(),
  completionTime: time.optional(),
  exec: execResult.optional(),
  freeze: freezeResult.optional(),
  password: passwordResult.optional(),
  command: commandResult.optional(),
  readFile: readFileResult.optional(),
  writeFile: writeFileResult.optional(),
  conditions: conditions.optional().meta(listMapBy('type')),
});

/** As a person writes it: the API server fills the defaults in. */
export type GuestTaskSpec = z.input<typeof guestTaskSpec>;
export type GuestTaskStatus = z.infer<typeof guestTaskStatus>;
export type TaskPhase = (typeof taskPhases)[number];
