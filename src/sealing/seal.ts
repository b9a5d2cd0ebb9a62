import type { webcrypto } from 'node:crypto';
import { fromBase64 } from './base64.ts';
import { SealBrokenError, SealedToAnotherKeyError, SealingKeyUnusableError } from './errors.ts';
import { additionalData, type SealContext } from './seal-context.ts';
import { type SealingKey, sealingKeyOf } from './sealing-key.ts';
import { HpkeError, sealingAlgorithm, sealingInfo, suite } from './suite.ts';

/** A secret as GuestTask.spec.sealed has it. */
export interface Sealed {
  version: 'v1';
  /** The id of the key it is sealed to. */
  keyId: string;
  /** HPKE's encapsulated key, 32 bytes in base64. */
  enc: string;
  /** Ciphertext and tag, in base64. */
  ciphertext: string;
}

/** What opens a secret: a node's key pair, of which the private half can be used but not read. */
export interface OpeningKey {
  readonly sealingKey: SealingKey;
  readonly keyPair: webcrypto.CryptoKeyPair;
}

/** Seals a secret so that only the node with this key can open it, and for this context only. */
export async function seal(key: SealingKey, plaintext: Uint8Array, context: SealContext): Promise<Sealed> {
  const bytes = publicKeyBytes(key);
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(bytes);
    const { enc, ct } = await suite.seal({ recipientPublicKey, info: sealingInfo }, plaintext, additionalData(context));
    return { version: 'v1', keyId: key.id, enc: toBase64(enc), ciphertext: toBase64(ct) };
  } catch (error) {
    if (!(error instanceof HpkeError)) throw error;
    // All that can fail is the agreement with a public key that is no point to agree with (RFC 7748, section 6.1).
    throw new SealingKeyUnusableError(`nothing can be sealed to the key ${key.id}: it is no usable X25519 key`, {
      cause: error,
    });
  }
}

/** Opens what was sealed to this key for this context. Throws SealedToAnotherKeyError or SealBrokenError. */
export async function open(key: OpeningKey, sealed: Sealed, context: SealContext): Promise<Uint8Array> {
  const ours = key.sealingKey.id;
  if (sealed.keyId !== ours) {
    throw new SealedToAnotherKeyError(`sealed to the key ${sealed.keyId}, and this node's is ${ours}: seal it anew`);
  }
  const enc = fromBase64(sealed.enc);
  const ciphertext = fromBase64(sealed.ciphertext);
  if (!enc || !ciphertext) throw broken();
  try {
    const recipient = { recipientKey: key.keyPair, enc, info: sealingInfo };
    return new Uint8Array(await suite.open(recipient, ciphertext, additionalData(context)));
  } catch (error) {
    if (!(error instanceof HpkeError)) throw error;
    throw broken(error);
  }
}

function publicKeyBytes(key: SealingKey): Uint8Array<ArrayBuffer> {
  if (key.algorithm !== sealingAlgorithm) {
    throw new SealingKeyUnusableError(
      `the key ${key.id} is for ${key.algorithm}, and only ${sealingAlgorithm} is known here: update the older of manager and agent`,
    );
  }
  const bytes = fromBase64(key.publicKey);
  if (bytes?.length !== 32 || sealingKeyOf(bytes).id !== key.id) {
    throw new SealingKeyUnusableError(`the key ${key.id} is not the public key that stands beside it`);
  }
  return bytes;
}

function broken(cause?: Error): SealBrokenError {
  return new SealBrokenError('what is sealed was changed, or was sealed for another task, guest or action', { cause });
}

function toBase64(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('base64');
}
