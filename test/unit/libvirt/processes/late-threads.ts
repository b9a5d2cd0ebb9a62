// Asks for a larger pool after the pool has been started.
import { stat } from 'node:fs/promises';
import { ensureThreads } from '../../../../src/libvirt/thread-pool.ts';

await stat('/');
ensureThreads(8);
