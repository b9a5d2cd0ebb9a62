import * as z from 'zod';
import { PayloadInvalidError } from './errors.ts';

const base64 = z.base64();

/** What is sealed for a guest: of each kind just what its action takes from Secrets. */
export const sealedPayload = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('exec'),
    /** Added to what the task's own env says. */
    env: z.record(z.string(), z.string()).optional(),
    /** Bytes in base64. */
    stdin: base64.optional(),
    script: z.string().optional(),
  }),
  /** A crypt(3) hash. */
  z.strictObject({ kind: z.literal('passwordHash'), passwordHash: z.string() }),
  /** In clear text, for guests that take no hash. */
  z.strictObject({ kind: z.literal('password'), password: z.string() }),
  /** Bytes in base64. */
  z.strictObject({ kind: z.literal('file'), content: base64 }),
  /** Of a command of the guest agent: a JSON object as text. */
  z.strictObject({ kind: z.literal('arguments'), arguments: z.string() }),
]);

export type SealedPayload = z.infer<typeof sealedPayload>;

/** Reads what was opened. Throws PayloadInvalidError, which says nothing of what it read. */
export function decodePayload(plaintext: Uint8Array): SealedPayload {
  const parsed = sealedPayload.safeParse(parseJson(plaintext));
  if (parsed.success) return parsed.data;
  throw new PayloadInvalidError('what was sealed is not known to this version: update the older of manager and agent');
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Not as a cause: the parser quotes what it read.
    return undefined;
  }
}
