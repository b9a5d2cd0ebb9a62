import * as z from 'zod';
import { base64, bytesOf } from '../base64.ts';
import { defineCommand } from '../command.ts';
import { int64, int64Argument } from '../integers.ts';
import { count, nothing, pathArgument } from '../schema.ts';

/** An open file. The agent forgets its handles when it ends; the numbers are not used again. */
const handle = z.int();

/** The agent would give up to 48 MiB, of which libvirt could not carry the base64 (C1, C3). */
const longestRead = 1_048_576;

/**
 * Opens a file and answers a handle, which must be closed. `mode` is that of fopen, `r` by default; `w` empties the file.
 * Refused where the file, or the permission, is missing. Since 0.15.
 */
export const guestFileOpen = defineCommand({
  name: 'guest-file-open',
  since: '0.15',
  arguments: z
    .object({
      path: pathArgument,
      mode: z
        .string()
        .regex(/^[rwa](b?\+?|\+b)$/, 'expected a mode of fopen: r, w or a, with + and b')
        .optional(),
    })
    .strict(),
  reply: handle,
  effect: 'changes',
  destructive: true,
});

/** Closes a handle, and writes what is still buffered. Refused for a handle that the agent doesn't know. Since 0.15. */
export const guestFileClose = defineCommand({
  name: 'guest-file-close',
  since: '0.15',
  arguments: z.object({ handle }).strict(),
  reply: nothing,
  effect: 'changes',
});

/**
 * Reads up to `count` bytes, by default 4096, and moves on by what it read. `count` of the answer is that of the bytes
 * themselves, which a base64 of another length belies. Since 0.15.
 */
export const guestFileRead = defineCommand({
  name: 'guest-file-read',
  since: '0.15',
  arguments: z.object({ handle, count: z.int().min(1).max(longestRead).optional() }).strict(),
  reply: z
    .object({ count, 'buf-b64': base64, eof: z.boolean() })
    .refine((read) => bytesOf(read['buf-b64']).length === read.count, 'count is not the number of bytes'),
  effect: 'changes',
});

/**
 * Writes the bytes of a base64, or the first `count` of them, and answers how many were written: it may be fewer. A chunk
 * is at most 150 KB (C43). Since 0.15.
 */
export const guestFileWrite = defineCommand({
  name: 'guest-file-write',
  since: '0.15',
  arguments: z.object({ handle, 'buf-b64': base64, count: count.optional() }).strict(),
  reply: z.object({ count, eof: z.boolean() }),
  effect: 'changes',
  destructive: true,
});

/**
 * Moves to `offset` bytes from the start, from where it is, or from the end: `whence` is `set`, `cur` or `end` (from 2.6
 * on), or 0, 1 or 2. Answers the new position; an offset of 0 from `cur` only asks for it. Since 0.15.
 */
export const guestFileSeek = defineCommand({
  name: 'guest-file-seek',
  since: '0.15',
  arguments: z
    .object({
      handle,
      offset: int64Argument,
      whence: z.union([z.int().min(0).max(2), z.enum(['set', 'cur', 'end'])], {
        error: 'expected "set" or "cur" or "end", or 0, 1 or 2',
      }),
    })
    .strict(),
  reply: z.object({ position: int64, eof: z.boolean() }),
  effect: 'changes',
});

/** Writes what the agent has buffered of a file to the guest's kernel. Since 0.15. */
export const guestFileFlush = defineCommand({
  name: 'guest-file-flush',
  since: '0.15',
  arguments: z.object({ handle }).strict(),
  reply: nothing,
  effect: 'changes',
  repeatable: true,
});
