import { createDecipheriv, createHmac, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';

/** Opens by RFC 9180, sections 4.1, 5.1 and 5.2, with nothing but node:crypto: base mode, the first message. */
export function hpkeOpen(sealed: {
  privateKey: KeyObject;
  enc: Buffer;
  info: Buffer;
  aad: Buffer;
  ciphertext: Buffer;
}): Buffer {
  const { privateKey, enc, info, aad, ciphertext } = sealed;
  const kem = Buffer.from('4b454d0020', 'hex');
  const suite = Buffer.from('48504b45002000010002', 'hex');

  const ours = createPublicKey(privateKey);
  const theirs = createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'X25519', x: enc.toString('base64url') },
  });
  const agreed = diffieHellman({ privateKey, publicKey: theirs });
  const ourBytes = Buffer.from(ours.export({ format: 'jwk' }).x as string, 'base64url');
  const prk = labeledExtract(kem, none, 'eae_prk', agreed);
  const sharedSecret = labeledExpand(kem, prk, 'shared_secret', Buffer.concat([enc, ourBytes]), 32);

  const scheduleContext = Buffer.concat([
    Buffer.from([0]),
    labeledExtract(suite, none, 'psk_id_hash', none),
    labeledExtract(suite, none, 'info_hash', info),
  ]);
  const secret = labeledExtract(suite, sharedSecret, 'secret', none);
  const key = labeledExpand(suite, secret, 'key', scheduleContext, 32);
  const nonce = labeledExpand(suite, secret, 'base_nonce', scheduleContext, 12);

  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad).setAuthTag(ciphertext.subarray(-16));
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]);
}

const none = Buffer.alloc(0);

function labeledExtract(suite: Buffer, salt: Buffer, label: string, input: Buffer): Buffer {
  return hmac(salt.length > 0 ? salt : Buffer.alloc(32), Buffer.concat([version, suite, Buffer.from(label), input]));
}

/** Of at most 32 bytes, which HKDF makes in one round. */
function labeledExpand(suite: Buffer, prk: Buffer, label: string, info: Buffer, length: number): Buffer {
  const labeled = Buffer.concat([Buffer.from([0, length]), version, suite, Buffer.from(label), info]);
  return hmac(prk, Buffer.concat([labeled, Buffer.from([1])])).subarray(0, length);
}

const version = Buffer.from('HPKE-v1');

function hmac(key: Buffer, data: Buffer): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
