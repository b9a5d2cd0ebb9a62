import * as z from 'zod';
import { rules, time } from './common.ts';

/** metav1.MicroTime: RFC 3339, UTC, six decimals. */
export const microTime = z.string().meta({ format: 'date-time' });

/** A command run in the guest around a freeze, for what a filesystem freeze can't know: a database's own buffers. */
const hook = z.object({
  name: z.string().min(1).max(63).describe('For the status.'),
  command: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The program and its arguments, run as root without a shell of its own.'),
  timeoutSeconds: z.int().min(1).max(300).default(30),
  failurePolicy: z
    .enum(['Fail', 'Ignore'])
    .default('Fail')
    .describe('Fail: a hook before the freeze that fails prevents it, one after the thaw fails the guest.'),
});

export type FreezeHook = z.input<typeof hook>;

/** What is said of a freeze to each guest, by a window and by a task alike. */
export const freezeFields = {
  maxFrozenSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(30)
    .describe('Thawed at the latest this long after the freeze, whatever has died meanwhile.'),
  mountpoints: z
    .array(
      z
        .string()
        .min(1)
        .max(4096)
        .meta(rules({ rule: "self.startsWith('/')", message: 'a mountpoint is an absolute path' })),
    )
    .min(1)
    .max(64)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe('The filesystems to freeze; all of them where it is missing.'),
  hooks: z
    .object({
      before: z.array(hook).max(16).optional().describe('In this order, before the freeze.'),
      after: z.array(hook).max(16).optional().describe('In this order, after the thaw, also of a freeze that failed.'),
    })
    .optional(),
};

/** A GuestTask's action: prepare, freeze, hold, and always thaw. */
export const freezeAction = z.object({
  ...freezeFields,
  barrier: z
    .boolean()
    .optional()
    .describe('Once prepared, waits for spec.freezeAt: how many guests are frozen at one instant.'),
});

export const freezeVerdicts = ['Consistent', 'ConsistencyLost', 'CrashConsistent', 'Skipped'] as const;

/** Who or what let go of a frozen guest. */
export const freezeEnds = [
  'Release',
  'Deletion',
  'Deadline',
  'AgentShutdown',
  'AgentRestart',
  'Guard',
  'ChannelRepair',
  'Somebody',
  'Reboot',
  'GuestStopped',
  'Migration',
  'FreezeFailed',
] as const;

/** What a freeze task tells: the evidence for what a backup taken meanwhile is worth. */
export const freezeResult = z.object({
  verdict: z
    .enum(freezeVerdicts)
    .optional()
    .describe('What a backup taken between frozenAt and thawRequestedAt is worth; set when the guest is thawed.'),
  endedBy: z.enum(freezeEnds).optional(),
  preparedAt: microTime.optional().describe('Hooks done, guard armed, agent answers: ready to freeze at once.'),
  requestedAt: microTime.optional().describe('The freeze was sent.'),
  frozenAt: microTime.optional().describe('The agent said that it is frozen.'),
  thawRequestedAt: microTime
    .optional()
    .describe('The thaw was sent: what was copied from frozenAt until then is what the verdict is about.'),
  thawedAt: microTime.optional().describe('The agent said that it is thawed.'),
  until: time.optional().describe('Thawed at the latest then.'),
  filesystems: z
    .object({
      expected: z
        .int()
        .optional()
        .describe(
          'How many the freeze has to count: those at the mountpoints asked for, or all of a kind that freezes.',
        ),
      frozen: z.int().optional().describe('How many the freeze counted.'),
      thawed: z.int().optional().describe('How many the thaw counted.'),
    })
    .optional(),
  bootId: z.string().max(64).optional(),
  guard: z
    .enum(['Armed', 'Unavailable'])
    .optional()
    .describe('Whether a watchdog in the guest thaws it though everything on the host is dead.'),
  hooks: z
    .array(
      z.object({
        name: z.string(),
        when: z.enum(['before', 'after']),
        exitCode: z.int().optional(),
        reason: z.string().optional(),
        message: z.string().optional(),
        output: z.string().optional().describe('The end of what it printed.'),
        seconds: z.number().optional(),
      }),
    )
    .max(32)
    .optional(),
  thawOwed: z
    .boolean()
    .optional()
    .describe('Nobody knows whether the guest is frozen: it is thawed as soon as it can be reached.'),
});

export type FreezeAction = z.input<typeof freezeAction>;
export type FreezeResult = z.infer<typeof freezeResult>;
