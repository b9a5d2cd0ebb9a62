import * as z from 'zod';
import { base64 } from '../base64.ts';
import { defineCommand } from '../command.ts';
import { pathArgument, textArgument } from '../schema.ts';

/** Linux takes no longer one. */
const programArgument = textArgument(131_071);

/**
 * Starts a program as the agent's user (root) and answers its pid at once. `path` and `arg` land in the guest's syslog;
 * `env` and `input-data` don't; `env` replaces the whole environment (C11). `capture-output` is true for both streams, or
 * from 8.0 on `none`, `stdout`, `stderr`, `separated` or `merged` (C12); long output breaks the channel (C1, C2). There is
 * no command that ends the program (C10). Refused where the program can't be started. Since 2.5.
 */
export const guestExec = defineCommand({
  name: 'guest-exec',
  since: '2.5',
  arguments: z
    .object({
      path: pathArgument,
      arg: z.array(programArgument).max(16_384).optional(),
      env: z.array(programArgument).max(16_384).optional(),
      'input-data': base64.optional(),
      'capture-output': z
        .union([z.boolean(), z.enum(['none', 'stdout', 'stderr', 'separated', 'merged'])], {
          error: 'expected boolean, or "none", "stdout", "stderr", "separated" or "merged"',
        })
        .optional(),
    })
    .strict(),
  reply: z.object({ pid: z.int() }),
  effect: 'changes',
  destructive: true,
});

/**
 * How a program fares. The first answer after its end also forgets it (C6). It has ended only when nobody holds its
 * output any more (C9). On Windows `signal` is the code of an unhandled exception. Refused for a pid that the agent doesn't
 * know, as after its restart (C7). Since 2.5.
 */
export const guestExecStatus = defineCommand({
  name: 'guest-exec-status',
  since: '2.5',
  arguments: z.object({ pid: z.int() }).strict(),
  reply: z.object({
    exited: z.boolean(),
    exitcode: z.int().optional(),
    signal: z.int().optional(),
    'out-data': base64.optional(),
    'err-data': base64.optional(),
    'out-truncated': z.boolean().optional(),
    'err-truncated': z.boolean().optional(),
  }),
  effect: 'changes',
});
