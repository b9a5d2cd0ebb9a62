import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, type webcrypto } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../durable-file.ts';
import { NodeKeyDamagedError } from './errors.ts';
import type { OpeningKey } from './seal.ts';
import { type SealingKey, sealingKeyOf } from './sealing-key.ts';

/**
 * This node's key pair: what the manager seals to, and what opens it. It lives as a JSON Web Key in the state
 * directory, and is made once: replacing it would make every task unreadable that waits for this node.
 */
export class NodeKey implements OpeningKey {
  readonly sealingKey: SealingKey;
  readonly keyPair: webcrypto.CryptoKeyPair;

  private constructor(privateKey: KeyObject) {
    const publicKey = createPublicKey(privateKey);
    this.sealingKey = sealingKeyOf(Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url'));
    this.keyPair = {
      privateKey: privateKey.toCryptoKey('X25519', false, ['deriveBits']),
      publicKey: publicKey.toCryptoKey('X25519', true, []),
    };
  }

  /**
   * Reads `<stateDir>/sealing-key`, or makes it where there is none; only one process may do so at a time. Throws
   * NodeKeyDamagedError when it isn't whole or when others than its owner may read it.
   */
  static async open(stateDir: string): Promise<NodeKey> {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const path = join(stateDir, 'sealing-key');
    return new NodeKey(read(path) ?? make(path));
  }
}

function make(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('x25519');
  closeSync(replaceFile(path, `${JSON.stringify(privateKey.export({ format: 'jwk' }))}\n`));
  return privateKey;
}

function read(path: string): KeyObject | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    const mode = fstatSync(fd).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new NodeKeyDamagedError(
        `others than its owner may read ${path} (mode ${mode.toString(8)}): if nobody did, chmod 600 it; ` +
          'else delete it and start the agent again, which makes a new key',
      );
    }
    const key = parse(readFileSync(fd, 'utf8'));
    if (key) return key;
  } finally {
    closeSync(fd);
  }
  throw new NodeKeyDamagedError(
    `${path} is damaged: bring it back from a backup, or delete it and start the agent again, which makes a new key; ` +
      'what waits for this node is then sealed anew',
  );
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key, or undefined where the text isn't a whole one. No error of a parser goes on: they quote what they read. */
function parse(text: string): KeyObject | undefined {
  try {
    const jwk = JSON.parse(text) as Record<string, string>;
    const privateKey = createPrivateKey({ format: 'jwk', key: jwk });
    const { kty, crv, x, d } = privateKey.export({ format: 'jwk' });
    const whole = kty === 'OKP' && crv === 'X25519' && x === jwk['x'] && d === jwk['d'];
    return whole ? privateKey : undefined;
  } catch {
    return undefined;
  }
}
