import * as z from 'zod';
import { longestReply } from './limits.ts';

/** Bytes as the protocol carries them, padded; decoded by {@link bytesOf}. At most what a message can hold. */
export const base64 = z.base64('expected base64').max(longestReply);

/** The bytes behind a base64 member; none when the agent left it out. */
export function bytesOf(data: string | undefined): Buffer {
  return Buffer.from(data ?? '', 'base64');
}
