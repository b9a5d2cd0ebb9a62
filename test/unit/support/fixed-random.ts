import type { Random } from '../../../src/seams/random.ts';

/** Chance without surprise: a back-off's wait is always three quarters of its full length. */
export const fixedRandom: Random = { next: () => 0.5, uuid: () => '00000000-0000-4000-8000-000000000000' };
