import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

export { HpkeError } from '@hpke/core';

/** What a GuestHost says its key is for. Another suite, or another layout of what is sealed, gets another name. */
export const sealingAlgorithm = 'HPKE-X25519-HKDF-SHA256-AES-256-GCM';

/** HPKE's `info`: what is sealed for this purpose opens for no other, whatever else the key may be used for. */
export const sealingInfo: Uint8Array<ArrayBuffer> = new TextEncoder().encode('qga.dev/sealed/v1');

/** RFC 9180's DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, all by Node's WebCrypto. */
export const suite: CipherSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
