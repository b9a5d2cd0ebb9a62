import * as z from 'zod';
import { shellsOwnMessage, shellsOwnVariables } from '../shell-variables.ts';
import { rules } from './common.ts';
import { keyReference } from './key-reference.ts';

/**
 * A process's arguments and environment are C strings: a NUL would silently cut them short. OpenAPI patterns can't say
 * why they refuse, so CEL does.
 */
const noNul = (what: string) =>
  rules({ rule: String.raw`!self.contains('\u0000')`, message: `${what} can't contain a NUL character` });

const envVar = z
  .object({
    name: z
      .string()
      .min(1)
      .max(256)
      .meta(
        rules({
          rule: "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
          message: 'the name of an environment variable is letters, digits and _, and starts with no digit',
        }),
      ),
    value: z.string().max(65536).meta(noNul('the value of an environment variable')).optional(),
    valueFrom: keyReference.optional(),
  })
  .meta(
    rules({
      rule: '!(has(self.value) && has(self.valueFrom))',
      message: 'an environment variable has a value or a valueFrom, not both',
    }),
  );

const script = z
  .object({
    interpreter: z
      .array(z.string().max(4096).meta(noNul('an argument of the interpreter')))
      .min(1)
      .max(32)
      .default(['/bin/sh'])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('The program that runs the script, and its arguments before the script.'),
    source: z.string().max(262144).optional().describe('The script itself.'),
    sourceFrom: keyReference.optional().describe('Where the script stands: up to 512 KiB.'),
    args: z
      .array(z.string().max(65536).meta(noNul('an argument')))
      .max(256)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What the script gets as $1, $2 and so on.'),
  })
  .meta(
    rules({
      rule: 'has(self.source) != has(self.sourceFrom)',
      message: 'a script needs exactly one of source and sourceFrom',
    }),
  );

const output = z.object({
  limitBytes: z
    .int()
    .min(0)
    .max(16777216)
    .default(1048576)
    .describe('How much of each stream is kept, in the guest and in the store; the rest is counted and dropped.'),
  store: z
    .enum(['Status', 'ConfigMap', 'Secret'])
    .default('Status')
    .describe(
      'Where the output goes: head and tail into the status alone, or all of it, up to limitBytes, into immutable objects that belong to the task.',
    ),
});

/** What to run in a guest. */
export const exec = z
  .object({
    command: z
      .array(z.string().max(65536).meta(noNul('an argument')))
      .min(1)
      .max(256)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .meta(
        rules({
          rule: "size(self) == 0 || self[0] != ''",
          message: 'command[0] names the program: it must not be empty',
        }),
      )
      .describe(
        'The program and its arguments, run without a shell of its own: for pipes and variables use ["/bin/sh", "-c", "…"]. A program without a slash is looked up in the guest\'s PATH.',
      ),
    script: script.optional().describe('A script in place of a command.'),
    env: z
      .array(envVar)
      .max(128)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe("Added to the environment of the guest's agent."),
    stdin: z
      .string()
      .max(262144)
      .optional()
      .describe('Text the command reads on its standard input. Without it the input is empty.'),
    stdinFrom: keyReference.optional().describe('What the command reads on its standard input: up to 512 KiB.'),
    workingDirectory: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .meta(rules({ rule: "self.startsWith('/')", message: 'workingDirectory is an absolute path' }))
      .describe('Where the command starts; / where it is missing.'),
    user: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .meta(
        rules({
          rule: "self.matches('^[a-zA-Z0-9_][a-zA-Z0-9_.-]*[$]?$')",
          message: 'user is the name of an account in the guest, or a number',
        }),
      )
      .describe("The account the command runs as; the guest agent's own, root, where it is missing."),
    mode: z
      .enum(['Spooled', 'Direct'])
      .default('Spooled')
      .describe(
        "Spooled: started at most once and found again whatever dies, by a launcher that needs /bin/sh. Direct: the agent's own guest-exec, for guests without a shell; its result is lost when the guest's agent is.",
      ),
    terminationGracePeriodSeconds: z
      .int()
      .min(0)
      .max(600)
      .default(10)
      .describe(
        'At a deadline, or when nobody wants it any more: from SIGTERM to SIGKILL, for all of its process group.',
      ),
    output: output.optional(),
  })
  .meta(
    // Linux bounds both together, too, by a quarter of the stack's limit.
    rules(
      {
        rule: '(has(self.command) ? self.command.map(a, size(a)).sum() : 0) + (has(self.env) ? self.env.map(e, has(e.value) ? size(e.value) : 0).sum() : 0) <= 131072',
        message: 'command and env are too large: 128 KiB together at most',
      },
      {
        rule: `self.mode == 'Direct' || !has(self.env) || !self.env.exists(e, e.name in [${shellsOwnVariables.map((name) => `'${name}'`).join(', ')}])`,
        message: shellsOwnMessage,
      },
      { rule: 'has(self.command) != has(self.script)', message: 'exec needs exactly one of command and script' },
      { rule: '!(has(self.stdin) && has(self.stdinFrom))', message: 'exec has a stdin or a stdinFrom, not both' },
      {
        rule: "self.mode != 'Direct' || !(has(self.script) || has(self.user) || has(self.workingDirectory))",
        message: 'mode Direct knows no shell: it takes a command, without script, user and workingDirectory',
      },
    ),
  );

export type Exec = z.input<typeof exec>;

/** How a command ended, and the head and tail of what it printed. */
export const execResult = z.object({
  exitCode: z.int().optional().describe('As the process returned it; absent when a signal ended it.'),
  signal: z.int().optional().describe('The number of the signal that ended it.'),
  stdout: z.string().optional().describe('As text: bytes that are no UTF-8 show as U+FFFD.'),
  stderr: z.string().optional(),
  stdoutBase64: z.string().optional().describe('The same bytes exactly, only where they are not UTF-8 text.'),
  stderrBase64: z.string().optional(),
  stdoutBytes: z.int().optional().describe('How much the command printed in all.'),
  stderrBytes: z.int().optional(),
  truncated: z
    .boolean()
    .optional()
    .describe('The middle of stdout or stderr is left out here; a line in it says how many bytes.'),
  stored: z
    .object({
      kind: z.enum(['ConfigMap', 'Secret']),
      stdout: z.array(z.string()).max(64).optional().describe('The objects that hold it, in order: key `data`.'),
      stderr: z.array(z.string()).max(64).optional(),
      stdoutBytes: z.int().optional().describe('How much of it they hold.'),
      stderrBytes: z.int().optional(),
    })
    .optional()
    .describe('Where all of the output is, up to output.limitBytes.'),
});

export type ExecResult = z.infer<typeof execResult>;
