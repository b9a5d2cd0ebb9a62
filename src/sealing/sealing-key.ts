import { createHash } from 'node:crypto';
import { sealingAlgorithm } from './suite.ts';

/** The public half of a node's key, as GuestHost.status.sealingKey has it. */
export interface SealingKey {
  /** The first 16 hexadecimal digits of the SHA-256 of the public key. */
  id: string;
  algorithm: string;
  /** 32 bytes (RFC 7748), in base64. */
  publicKey: string;
}

/** How a public key of 32 bytes is published. */
export function sealingKeyOf(publicKey: Uint8Array): SealingKey {
  return {
    id: createHash('sha256').update(publicKey).digest('hex').slice(0, 16),
    algorithm: sealingAlgorithm,
    publicKey: Buffer.from(publicKey).toString('base64'),
  };
}
