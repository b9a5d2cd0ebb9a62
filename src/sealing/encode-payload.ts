import { PayloadTooLargeError } from './errors.ts';
import type { SealedPayload } from './payload.ts';

/**
 * Bytes of a payload. In base64 it makes 1 MiB of the object that carries it; etcd takes 1.5 MiB, and the command and
 * its result have to fit, too.
 */
export const longestPayload: number = 768 * 1024;

/** A payload's bytes, as they are sealed. Throws PayloadTooLargeError, which names what takes most of the space. */
export function encodePayload(payload: SealedPayload): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  if (bytes.length <= longestPayload) return bytes;
  const [largest] = parts(payload).toSorted((a, b) => b.size - a.size);
  throw new PayloadTooLargeError(
    `what is to be sealed takes ${bytes.length} bytes, of which ${largest?.name} is ${largest?.size}: ` +
      `${longestPayload} bytes in all is the most one task carries`,
  );
}

interface Part {
  name: string;
  size: number;
}

function parts(payload: SealedPayload): Part[] {
  return Object.entries(payload).flatMap(([name, value]: [string, string | Record<string, string> | undefined]) =>
    typeof value === 'string'
      ? part(name, value)
      : Object.entries(value ?? {}).map(([variable, text]) => part(`${name} ${variable}`, text)),
  );
}

function part(name: string, value: string): Part {
  return { name, size: Buffer.byteLength(JSON.stringify(value)) };
}
