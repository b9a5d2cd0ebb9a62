import { createHash } from 'node:crypto';
import type { WriteFileAction } from '../../../api/schema/file-actions.ts';
import type { SealedPayload } from '../../../sealing/payload.ts';

/** A file as it is to be. */
export interface WantedFile {
  path: string;
  bytes: Buffer;
  /** Of the bytes, in hexadecimal digits. */
  sha256: string;
  /** It came from a Secret: nobody else in the guest may see it, not for a moment. */
  secret: boolean;
  mode: string | undefined;
  owner: string | undefined;
}

/** `secret` is what the task takes from Secrets and ConfigMaps. */
export function wantedFile(action: WriteFileAction, secret: SealedPayload | undefined): WantedFile {
  const { path, mode, owner, content, contentBase64, contentFrom } = action;
  const sealed = secret?.kind === 'file' ? secret.content : '';
  const bytes = content === undefined ? Buffer.from(contentBase64 ?? sealed, 'base64') : Buffer.from(content, 'utf8');
  return { path, bytes, sha256: sha256Of(bytes), secret: contentFrom?.secretKeyRef !== undefined, mode, owner };
}

/** In hexadecimal digits. */
export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
