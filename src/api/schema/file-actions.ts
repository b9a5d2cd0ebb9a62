import * as z from 'zod';
import { rules } from './common.ts';
import { keyReference } from './key-reference.ts';

/**
 * Bytes of a file that one task carries, in either direction: base64 makes 1 MiB of them, etcd takes 1.5 MiB an object.
 */
export const mostFileBytes = 786432;

const path = z
  .string()
  .min(1)
  .max(4096)
  .meta(
    rules(
      { rule: String.raw`!self.contains('\u0000')`, message: "a path can't contain a NUL character" },
      {
        rule: String.raw`self.startsWith('/') || self.matches('^[A-Za-z]:[/\\\\]')`,
        message: 'a path is absolute',
      },
    ),
  );

/** A GuestTask's action: a part of a file, or all of it. See docs/guest-tasks.md. */
export const readFileAction = z.object({
  path,
  offset: z.int().min(0).default(0).describe('From this byte on.'),
  maxBytes: z
    .int()
    .min(1)
    .max(mostFileBytes)
    .default(65536)
    .describe('At most so many bytes: the rest is for another task, with a greater offset.'),
});

export const readFileResult = z.object({
  content: z.string().optional().describe('What was read, where it is UTF-8 text.'),
  contentBase64: z.string().optional().describe('What was read, where it is not.'),
  offset: z.int(),
  bytes: z.int().describe('How many bytes were read.'),
  size: z.int().optional().describe("The file's size, where it has one; 0 of files that the kernel makes up."),
  eof: z.boolean().describe('Nothing follows.'),
  sha256: z.string().describe('Of what was read, in hexadecimal digits.'),
});

/** A GuestTask's action: a file, put in place as a whole where the guest lets a shell do it. See docs/guest-tasks.md. */
export const writeFileAction = z
  .object({
    path,
    content: z.string().max(mostFileBytes).optional().describe('The whole of the file, as text.'),
    contentBase64: z
      .string()
      .max(1048576)
      .regex(/^[A-Za-z0-9+/]*={0,2}$/)
      .optional()
      .describe('The whole of the file, as bytes in base64.'),
    contentFrom: keyReference.optional().describe('Where the whole of the file stands.'),
    mode: z
      .string()
      .max(5)
      .meta(
        rules({
          rule: "self.matches('^0?[0-7]{3,4}$')",
          message: 'mode is written in octal digits and in quotes, such as "0644"',
        }),
      )
      .optional()
      .describe('Where it is missing, a file that is replaced keeps its own, and a new one gets 0644.'),
    owner: z
      .string()
      .max(256)
      .meta(
        rules({
          rule: "self.matches('^[a-zA-Z0-9_][a-zA-Z0-9_.-]*[$]?(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*[$]?)?$')",
          message: 'owner is an account of the guest, or an account and a group, such as app:www-data',
        }),
      )
      .optional()
      .describe('Where it is missing, a file that is replaced keeps its own, and a new one is root’s.'),
  })
  .meta(
    rules(
      {
        rule: '[has(self.content), has(self.contentBase64), has(self.contentFrom)].filter(given, given).size() == 1',
        message: 'a file needs exactly one of content, contentBase64 and contentFrom',
      },
      {
        rule: '!has(self.contentFrom) || !((has(self.contentFrom.secretKeyRef) && has(self.contentFrom.secretKeyRef.optional)) || (has(self.contentFrom.configMapKeyRef) && has(self.contentFrom.configMapKeyRef.optional)))',
        message: 'what a file is made of is never optional',
      },
    ),
  );

export const writeFileResult = z.object({
  bytes: z.int(),
  sha256: z.string().describe('Of what was written, in hexadecimal digits; verified in the guest.'),
  atomic: z
    .boolean()
    .describe('true: put in place by a rename, so that nobody ever saw half of it. false: written in place.'),
  created: z.boolean().optional().describe('There was no such file before.'),
  mode: z.string().optional(),
  owner: z.string().optional().describe('As the numbers of account and group.'),
});

export type ReadFileAction = z.input<typeof readFileAction>;
export type ReadFileResult = z.infer<typeof readFileResult>;
export type WriteFileAction = z.infer<typeof writeFileAction>;
