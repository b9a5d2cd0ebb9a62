import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { uint64, uint64Argument } from '../integers.ts';
import { listOf, openEnum } from '../schema.ts';

/** 16 TiB in blocks of 128 MiB, the smallest on x86. */
const mostBlocks = 131_072;

/**
 * The guest's memory blocks by their index, each once, in no order: whether it is in use, and whether it can be taken out
 * of use. Linux only. Since 2.3.
 */
export const guestGetMemoryBlocks = defineCommand({
  name: 'guest-get-memory-blocks',
  since: '2.3',
  reply: listOf(
    z.object({ 'phys-index': uint64, online: z.boolean(), 'can-offline': z.boolean().optional() }),
    mostBlocks,
  ),
});

/** The size of a memory block in bytes. Linux only. Since 2.3. */
export const guestGetMemoryBlockInfo = defineCommand({
  name: 'guest-get-memory-block-info',
  since: '2.3',
  reply: z.object({ size: uint64 }),
});

/**
 * Takes memory blocks into use and out of it. Answers for each block, in the order asked, how it went: `operation-failed`
 * with the guest's errno as `error-code`, 22 for a block that is in use (C40). `can-offline` is ignored. Linux only.
 * Since 2.3.
 */
export const guestSetMemoryBlocks = defineCommand({
  name: 'guest-set-memory-blocks',
  since: '2.3',
  arguments: z
    .object({
      'mem-blks': z
        .array(
          z
            .object({ 'phys-index': uint64Argument, online: z.boolean(), 'can-offline': z.boolean().optional() })
            .strict(),
        )
        .max(mostBlocks),
    })
    .strict(),
  reply: listOf(
    z.object({
      'phys-index': uint64,
      response: openEnum<'success' | 'not-found' | 'operation-not-supported' | 'operation-failed'>(),
      'error-code': z.int().optional(),
    }),
    mostBlocks,
  ),
  effect: 'changes',
  destructive: true,
});
