import { readFileSync } from 'node:fs';

/** The text of docs/reasons.md. In the bundle this module is replaced by one that holds it: see build.ts. */
export function reasonsPage(): string {
  return readFileSync(new URL('../../../docs/reasons.md', import.meta.url), 'utf8');
}
