import { AgentError } from '../qga/errors.ts';

/** A shorter piece of a secret tells nothing. In characters. */
const shortestPiece = 5;
const removed = '[removed]';

/**
 * The error without the secret that was sent: newer agents repeat what chpasswd said, and that may quote its input
 * (C29). Without its cause, too, as a log would print that.
 */
export function withoutSecret(error: AgentError, secret: string): AgentError {
  const encodings = [secret, Buffer.from(secret, 'utf8').toString('base64')];
  const message = encodings.reduce(cutOut, error.message).replaceAll(/\$[0-9a-z]{1,8}\$\S*/g, removed);
  return new AgentError(error.code, error.outcome, error.retryable, message);
}

/** The text without every run of characters that is also one of the secret: a quote may be cut short at either end. */
function cutOut(text: string, secret: string): string {
  const shortest = Math.min(shortestPiece, secret.length);
  let clean = '';
  let at = 0;
  while (at < text.length) {
    let end = at + shortest;
    if (end > text.length || !secret.includes(text.slice(at, end))) {
      clean += text[at];
      at += 1;
      continue;
    }
    while (end < text.length && secret.includes(text.slice(at, end + 1))) end += 1;
    clean += removed;
    at = end;
  }
  return clean;
}
