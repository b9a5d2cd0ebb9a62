import type { CommandResult } from '../../../api/schema/command-action.ts';
import { stringifyExact } from '../../../qga/json.ts';

/** Bytes of a reply's JSON that a status takes as it is. */
const longestReply = 256 * 1024;
/** What is shown of a longer one. */
const shownOfLonger = 64 * 1024;

/**
 * A reply as a status holds it. JSON readers hold numbers as doubles, so an integer that no double holds exactly becomes
 * a string of its digits, which commands take as an argument, too. A reply that would make the status too large is shown
 * as the beginning of its text.
 */
export function replyValue(reply: unknown): Pick<CommandResult, 'reply' | 'replyText' | 'truncated'> {
  const text = stringifyExact(reply);
  if (Buffer.byteLength(text) <= longestReply) return { reply: withDigits(reply) };
  return { replyText: text.slice(0, shownOfLonger), truncated: true };
}

function withDigits(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (Array.isArray(value)) return value.map(withDigits);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withDigits(member)]));
}
