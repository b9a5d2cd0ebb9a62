import * as z from 'zod';
import { argumentProblem } from './argument-problem.ts';
import { InvalidArgumentsError, MalformedReplyError, RequestTooLargeError } from './errors.ts';
import { parseExact, stringifyExact } from './json.ts';
import { longestReply, longestRequest } from './limits.ts';

/** One command of the guest agent protocol: what it takes, what it answers, and what sending it means. */
export interface Command<Arguments = unknown, Reply = unknown> {
  readonly name: string;
  /** The command that is sent, which is another one only where this one would break the channel (C34). */
  readonly sentAs: string;
  /** The version of QEMU that brought it. Whether a guest offers it is asked by guest-info, never told by this (C32). */
  readonly since: string;
  readonly arguments: z.ZodType<unknown, Arguments>;
  readonly reply: z.ZodType<Reply>;
  /** Accepted while the guest's filesystems are frozen; all others are refused then (C21). */
  readonly whileFrozen: boolean;
  /** Whether something in the guest, or in what its agent keeps, differs afterwards. */
  readonly effect: 'none' | 'changes';
  /** The effect may cost data or service: to be allowed to few. */
  readonly destructive: boolean;
  /** Sent once more after an unknown outcome it does no harm and answers as well. */
  readonly repeatable: boolean;
  /** False: on success there is no answer, only what happens to the domain. */
  readonly answers: boolean;
}

/** What {@link defineCommand} takes. Most commands only read and take nothing: what is left out means that. */
export interface CommandDefinition<Arguments, Reply> {
  name: string;
  sentAs?: string;
  since: string;
  arguments?: z.ZodType<unknown, Arguments>;
  reply: z.ZodType<Reply>;
  whileFrozen?: boolean;
  effect?: 'none' | 'changes';
  destructive?: boolean;
  repeatable?: boolean;
  answers?: boolean;
}

const noArguments = z.object({}).strict();

export function defineCommand<Arguments = Record<string, never>, Reply = unknown>(
  definition: CommandDefinition<Arguments, Reply>,
): Command<Arguments, Reply> {
  const { name, effect = 'none' } = definition;
  return {
    sentAs: name,
    // Without arguments the type parameter is the default.
    arguments: noArguments as unknown as z.ZodType<unknown, Arguments>,
    whileFrozen: false,
    effect,
    destructive: false,
    repeatable: effect === 'none',
    answers: true,
    ...definition,
  };
}

/**
 * The JSON that goes to the agent. Throws an InvalidArgumentsError for arguments that the protocol does not know, and a
 * RequestTooLargeError over 200 KiB, which libvirt may not carry (C43).
 */
export function encode<Arguments>(command: Command<Arguments>, args: NoInfer<Arguments>): string {
  const parsed = command.arguments.safeParse(args);
  if (!parsed.success) throw new InvalidArgumentsError(argumentProblem(command.name, args, parsed.error));
  const execute = command.sentAs;
  const given = Object.values(parsed.data as object).some((value) => value !== undefined);
  const request = stringifyExact(given ? { execute, arguments: parsed.data } : { execute });
  const bytes = Buffer.byteLength(request);
  if (bytes > longestRequest) throw new RequestTooLargeError(command.name, bytes, longestRequest);
  return request;
}

/**
 * What the agent answered. It comes from inside the guest, so nothing in it is trusted before it is parsed: it is valid
 * by the command's schema, or a MalformedReplyError, which quotes nothing of it, is thrown.
 */
export function decode<Reply>(command: Command<unknown, Reply>, reply: string): Reply {
  if (reply.length > longestReply) throw new MalformedReplyError(command, `longer than ${longestReply} bytes`);
  let envelope: unknown;
  try {
    envelope = parseExact(reply);
  } catch (error) {
    throw new MalformedReplyError(command, error instanceof RangeError ? error.message : 'not JSON');
  }
  if (typeof envelope !== 'object' || envelope === null || !Object.hasOwn(envelope, 'return')) {
    throw new MalformedReplyError(command, 'no "return"');
  }
  const parsed = command.reply.safeParse((envelope as { return: unknown }).return);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new MalformedReplyError(command, `${['return', ...(issue?.path ?? [])].join('.')}: ${issue?.message}`);
  }
  return parsed.data;
}
