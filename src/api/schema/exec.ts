import * as z from 'zod';
import { rules } from './common.ts';

/**
 * A process's arguments and environment are C strings: a NUL would silently cut them short. OpenAPI patterns can't say
 * why they refuse, so CEL does.
 */
const noNul = (what: string) =>
  rules({ rule: String.raw`!self.contains('\u0000')`, message: `${what} can't contain a NUL character` });

const envVar = z.object({
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
  value: z.string().max(65536).meta(noNul('the value of an environment variable')).default(''),
});

/** What to run in a guest. */
export const exec = z
  .object({
    command: z
      .array(z.string().max(65536).meta(noNul('an argument')))
      .min(1)
      .max(256)
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
  })
  .meta(
    // All of it travels in one agent command, quoted and in base64, and libvirt takes 4 MiB (C4).
    rules({
      rule: 'self.command.map(a, size(a)).sum() + (has(self.env) ? self.env.map(e, size(e.value)).sum() : 0) <= 131072',
      message: 'command and env are too large: 128 KiB together at most',
    }),
  );

export type Exec = z.infer<typeof exec>;

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
});

export type ExecResult = z.infer<typeof execResult>;
