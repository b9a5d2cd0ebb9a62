import * as z from 'zod';

/** A name, path or short text of a reply. */
export const text = z.string().max(65_536);

/** A list of a reply: longer than any honest guest's, and bounded. */
export function listOf<T>(item: z.ZodType<T>, longest = 32_768): z.ZodType<T[]> {
  return z.array(item).max(longest);
}

/** An enumeration of a reply. Later agents know further values: these are kept as they are. */
export function openEnum<Known extends string>(): z.ZodType<Known | (string & Record<never, never>)> {
  return z.string().max(256);
}

/**
 * A union that its member `type` tells apart, of which one branch is known here. Of another type only its name is kept;
 * a malformed value of the known type is still malformed.
 */
export function taggedUnion<Known>(type: string, known: z.ZodType<Known>) {
  const other = z.object({ type: z.string().max(256) });
  return z.union([known, other.refine((value) => value.type !== type)]);
}

/** How many of something. */
export const count = z.int().min(0);

/** The reply of a command that has nothing to say. */
export const nothing = z.object({});

/** Text as an argument. The agent is written in C: it would take what stands before a NUL for the whole. */
export function textArgument(longest: number): z.ZodType<string, string> {
  return z
    .string()
    .max(longest)
    .refine((value) => !value.includes('\0') && value.isWellFormed(), 'must be Unicode without NUL characters');
}

/** A path as an argument: Windows' limit, which is greater than Linux'. */
export const pathArgument = z.string().min(1).pipe(textArgument(32_767));

/** The name of an account: what chpasswd would take for the end of a name, or of a line, is refused (C29). */
export const usernameArgument = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\0:\r\n]*$/, 'must be a user name: without colons, line ends and NUL characters');
