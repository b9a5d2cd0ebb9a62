import * as z from 'zod';

const keyId = z
  .string()
  .max(16)
  .regex(/^[0-9a-f]{16}$/)
  .describe('The first 16 hexadecimal digits of the SHA-256 of the public key.');

/** 32 bytes in base64. */
const key = z
  .string()
  .max(44)
  .regex(/^[A-Za-z0-9+/]{43}=$/);

/** GuestHost.status.sealingKey: what the manager seals to. */
export const sealingKey = z.object({
  id: keyId,
  algorithm: z.string().max(63),
  publicKey: key,
});

/** GuestTask.spec.sealed: what the task takes from Secrets, for the agent of its node alone to read. */
export const sealed = z.object({
  version: z.enum(['v1']),
  keyId: keyId.describe("The id of the node's key it is sealed to."),
  enc: key.describe("HPKE's encapsulated key (RFC 9180)."),
  ciphertext: z
    .string()
    // 768 KiB and a tag.
    .max(1048600)
    .regex(/^[A-Za-z0-9+/]+={0,2}$/)
    .describe(
      "Bound to the task's namespace and name, its guestUID and its kind of action: a copy opens nowhere else.",
    ),
});

export type SealingKey = z.infer<typeof sealingKey>;
export type Sealed = z.infer<typeof sealed>;
