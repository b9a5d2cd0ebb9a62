import * as z from 'zod';
import { rules } from './common.ts';
import { clockDrift } from './guest.ts';
import { keyReference } from './key-reference.ts';

/** A JSON object that the API server keeps as it is. */
const anyObject = z.any().meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
/** Any JSON value at all. */
const anyValue = z.any().meta({ 'x-kubernetes-preserve-unknown-fields': true });

const freezes = "['guest-fsfreeze-freeze', 'guest-fsfreeze-freeze-list']";
const suspends = "['guest-suspend-ram', 'guest-suspend-hybrid']";

/** A GuestTask's action: one command of the guest agent, as its protocol has it. See docs/guest-tasks.md. */
export const commandAction = z
  .object({
    execute: z
      .string()
      .min(1)
      .max(64)
      .describe('The command, such as guest-get-fsinfo: docs/conformance.md lists them.'),
    arguments: anyObject
      .optional()
      .describe(
        'As the protocol has them; checked before anything is sent. Integers from 2^53 on are written as strings.',
      ),
    argumentsFrom: keyReference
      .optional()
      .describe('Where the arguments stand as a JSON object: for those that hold a secret.'),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(3600)
      .optional()
      .describe(
        'How long the guest may take over the command and its effect: 30 where it is missing, 60 for a suspend, 300 for guest-shutdown, 1800 for guest-fstrim.',
      ),
    wakeAfterSeconds: z
      .int()
      .min(1)
      .max(86400)
      .optional()
      .describe('Wakes the guest again, this long after it was told to suspend itself to its memory.'),
  })
  .meta(
    rules(
      {
        rule: '!(has(self.arguments) && has(self.argumentsFrom))',
        message: 'a command has arguments or argumentsFrom, not both',
      },
      {
        rule: `!(self.execute in ${freezes})`,
        message: 'a freeze needs somebody who thaws it in time: use action freeze, or a FsFreezeWindow',
      },
      {
        rule: "self.execute != 'guest-set-user-password' || !has(self.arguments)",
        message:
          'whoever reads the task would read the password: use action setPassword, or argumentsFrom with a secretKeyRef',
      },
      {
        rule: `!has(self.wakeAfterSeconds) || self.execute in ${suspends}`,
        message: 'wakeAfterSeconds is for guest-suspend-ram and guest-suspend-hybrid',
      },
    ),
  );

/** What was seen of an effect that no answer tells of. */
export const seenEffects = ['Stopped', 'Rebooted', 'Suspended', 'Woken', 'AgentLeft'] as const;

const element = z.object({
  id: z.int().describe('The logical-id of a processor, the phys-index of a memory block.'),
  asked: z.enum(['Online', 'Offline']),
  result: z
    .enum(['Changed', 'Unchanged', 'Failed', 'Unknown'])
    .describe('Unchanged: it was so before. Unknown: it could not be read back.'),
  errorCode: z.int().optional().describe("The guest's errno, where it told one."),
});

/** What came of a command. */
export const commandResult = z.object({
  sent: z
    .string()
    .describe('The command that was sent: another one than asked for only where that one would break the channel.'),
  reply: anyValue
    .optional()
    .describe(
      'What the agent answered. Integers that no double holds exactly, from 2^53 on, are strings of their digits.',
    ),
  replyText: z
    .string()
    .optional()
    .describe('In place of a reply of more than 256 KiB: the beginning of its JSON text.'),
  truncated: z.boolean().optional(),
  seen: z.enum(seenEffects).optional().describe('What was seen of an effect that no answer tells of.'),
  elements: z
    .array(element)
    .max(1024)
    .optional()
    .describe('What became of each processor or memory block; what failed comes first.'),
  clock: clockDrift
    .optional()
    .describe("How far the guest's clock is ahead of its host's, negative where it is behind."),
});

export type CommandAction = z.infer<typeof commandAction>;
export type CommandResult = z.infer<typeof commandResult>;
export type SeenEffect = (typeof seenEffects)[number];
