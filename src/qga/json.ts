/** Replies nest a handful of levels; a parser's own stack ends at some thousands. */
const greatestDepth = 32;
/** More than the longest honest reply of 4 MiB has, a list of memory blocks; keeps a hostile one from taking seconds. */
const greatestCount = 250_000;

/** What Node 24 has and TypeScript's library does not declare yet. */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
}
const json = JSON as unknown as JsonWithSource;

/**
 * Parses JSON that comes from a guest. Integers that a number can't hold exactly become bigint, all else is as in
 * JSON.parse; of a key that is there twice the last counts. Throws a SyntaxError for what is not JSON and a RangeError
 * for what is nested, or long, beyond any honest reply.
 */
export function parseExact(text: string): unknown {
  checkShape(text);
  // A reviver costs ten times the parsing: only where an integer may be too long for a number.
  return /\d{16}/.test(text) ? json.parse(text, exactInteger) : JSON.parse(text);
}

/** JSON in which bigints are plain integers with all their digits. */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? json.rawJSON(String(member)) : member,
  );
}

function exactInteger(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value;
  // No 64-bit integer is longer, and a million digits would take seconds.
  return /^-?\d{16,20}$/.test(source) ? BigInt(source) : value;
}

function checkShape(text: string): void {
  let depth = 0;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '"':
        at = endOfString(text, at);
        break;
      case '[':
      case '{':
        if (++depth > greatestDepth) throw new RangeError(`nested deeper than ${greatestDepth} levels`);
        break;
      case ']':
      case '}':
        depth--;
        break;
      case ',':
        if (++count > greatestCount) throw new RangeError(`more than ${greatestCount} values`);
        break;
      default:
    }
  }
}

/** Where the string that begins at `start` ends: its closing quote, or the end of a text that has none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}
