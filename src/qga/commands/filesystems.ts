import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { int64, int64Argument, uint64 } from '../integers.ts';
import { count, listOf, openEnum, pathArgument, text } from '../schema.ts';
import { diskAddress } from './disk-address.ts';

/**
 * Mounted local filesystems, which is what a freeze would hold, with the disks each lies on. Sizes are in bytes, from 3.0
 * on: `total-bytes` is what an ordinary user can have, `total-bytes-privileged` (9.1) what root can. Since 2.2.
 */
export const guestGetFsinfo = defineCommand({
  name: 'guest-get-fsinfo',
  since: '2.2',
  reply: listOf(
    z.object({
      name: text,
      mountpoint: text,
      type: text,
      'used-bytes': uint64.optional(),
      'total-bytes': uint64.optional(),
      'total-bytes-privileged': uint64.optional(),
      disk: listOf(diskAddress),
    }),
  ),
});

/** `thawed` or `frozen`: the agent's flag, not the kernel's truth (C24). Since 0.15. */
export const guestFsfreezeStatus = defineCommand({
  name: 'guest-fsfreeze-status',
  since: '0.15',
  reply: openEnum<'thawed' | 'frozen'>(),
  whileFrozen: true,
});

/**
 * Holds all local filesystems still and answers how many it froze. Refused while frozen (C22). On an error all are thawed
 * again; after a timeout it may still complete (C25, C39). Windows lets go by itself after some 10 s (C27). Since 0.15.
 */
export const guestFsfreezeFreeze = defineCommand({
  name: 'guest-fsfreeze-freeze',
  since: '0.15',
  reply: count,
  effect: 'changes',
  destructive: true,
});

/**
 * As guest-fsfreeze-freeze, for the filesystems at `mountpoints` only. A mountpoint that is none is ignored: 0 means that
 * nothing is held (C22). Since 2.2.
 */
export const guestFsfreezeFreezeList = defineCommand({
  name: 'guest-fsfreeze-freeze-list',
  since: '2.2',
  arguments: z.object({ mountpoints: z.array(pathArgument).max(16_384).optional() }).strict(),
  reply: count,
  effect: 'changes',
  destructive: true,
});

/**
 * Lets go of everything and answers how many filesystems it thawed; of nothing frozen 0 (C22). Another number than was
 * frozen means that somebody thawed in between: what was copied meanwhile is not consistent (C24). Since 0.15.
 */
export const guestFsfreezeThaw = defineCommand({
  name: 'guest-fsfreeze-thaw',
  since: '0.15',
  reply: count,
  whileFrozen: true,
  effect: 'changes',
  destructive: true,
  repeatable: true,
});

/**
 * Tells the disks which blocks no file uses. `minimum` is the shortest range worth it, in bytes. Answers for each path how
 * many bytes were trimmed, from which minimum on, or why not; agents before 2.4 answer nothing. May take minutes, in
 * which the agent does nothing else (C16). Since 1.2.
 */
export const guestFstrim = defineCommand({
  name: 'guest-fstrim',
  since: '1.2',
  arguments: z.object({ minimum: int64Argument.optional() }).strict(),
  reply: z.object({
    paths: listOf(
      z.object({ path: text, error: text.optional(), trimmed: int64.optional(), minimum: int64.optional() }),
    ).optional(),
  }),
  effect: 'changes',
});
