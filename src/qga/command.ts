import * as z from 'zod';
import { MalformedReplyError } from './errors.ts';

/** One command of the guest agent protocol: its name, what it takes and what it answers. */
export interface Command<Arguments, Reply> {
  readonly name: string;
  readonly arguments: z.ZodType<Arguments>;
  readonly reply: z.ZodType<Reply>;
}

export function command<Arguments, Reply>(
  name: string,
  argumentsSchema: z.ZodType<Arguments>,
  reply: z.ZodType<Reply>,
): Command<Arguments, Reply> {
  return { name, arguments: argumentsSchema, reply };
}

/** Arguments of a command that takes none. */
export const noArguments = z.object({}).strict();

/** The JSON that goes to the agent. Throws a ZodError for arguments the protocol does not know. */
export function encode<A>({ name, arguments: schema }: Command<A, unknown>, args: A): string {
  const checked = schema.parse(args) as object;
  return JSON.stringify(Object.keys(checked).length > 0 ? { execute: name, arguments: checked } : { execute: name });
}

/** What the agent answered. It comes from inside the guest, so nothing in it is trusted before it is parsed. */
export function decode<R>({ name, reply: schema }: Command<never, R>, text: string): R {
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch (error) {
    throw new MalformedReplyError(name, 'not JSON', { cause: error });
  }
  if (typeof envelope !== 'object' || envelope === null || !('return' in envelope)) {
    throw new MalformedReplyError(name, 'no "return"');
  }
  const parsed = schema.safeParse(envelope.return);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new MalformedReplyError(name, `${issue?.path.join('.') || 'return'}: ${issue?.message}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}
