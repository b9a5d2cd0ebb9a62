import { randomUUID } from 'node:crypto';

/** Chance as the operator sees it: jitter and fresh identities, seeded in a simulation. Secrets never come from here. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A fresh UUID. */
  uuid(): string;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
};
