import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { uint64 } from '../integers.ts';
import { listOf, taggedUnion, text } from '../schema.ts';
import { diskAddress } from './disk-address.ts';

/** As an NVMe disk tells it by its log page 02h; -lo and -hi are the halves of 128-bit counters. */
const nvmeSmart = z.object({
  type: z.literal('nvme'),
  'critical-warning': z.int(),
  temperature: z.int(),
  'available-spare': z.int(),
  'available-spare-threshold': z.int(),
  'percentage-used': z.int(),
  'data-units-read-lo': uint64,
  'data-units-read-hi': uint64,
  'data-units-written-lo': uint64,
  'data-units-written-hi': uint64,
  'host-read-commands-lo': uint64,
  'host-read-commands-hi': uint64,
  'host-write-commands-lo': uint64,
  'host-write-commands-hi': uint64,
  'controller-busy-time-lo': uint64,
  'controller-busy-time-hi': uint64,
  'power-cycles-lo': uint64,
  'power-cycles-hi': uint64,
  'power-on-hours-lo': uint64,
  'power-on-hours-hi': uint64,
  'unsafe-shutdowns-lo': uint64,
  'unsafe-shutdowns-hi': uint64,
  'media-errors-lo': uint64,
  'media-errors-hi': uint64,
  'number-of-error-log-entries-lo': uint64,
  'number-of-error-log-entries-hi': uint64,
});

/**
 * The guest's disks, and on Linux their partitions: device names, what a device is built upon, its place in the machine
 * where it has one, its alias in the device mapper, and for NVMe (from 7.1 on) its health. Since 5.2.
 */
export const guestGetDisks = defineCommand({
  name: 'guest-get-disks',
  since: '5.2',
  reply: listOf(
    z.object({
      name: text,
      partition: z.boolean(),
      dependencies: listOf(text).optional(),
      address: diskAddress.optional(),
      alias: text.optional(),
      smart: taggedUnion('nvme', nvmeSmart).optional(),
    }),
  ),
});

/** Counters of each block device since the boot: sectors of 512 bytes, requests, and milliseconds. Linux only. Since 7.1. */
export const guestGetDiskstats = defineCommand({
  name: 'guest-get-diskstats',
  since: '7.1',
  reply: listOf(
    z.object({
      name: text,
      major: uint64,
      minor: uint64,
      stats: z.object({
        'read-sectors': uint64.optional(),
        'read-ios': uint64.optional(),
        'read-merges': uint64.optional(),
        'read-ticks': uint64.optional(),
        'write-sectors': uint64.optional(),
        'write-ios': uint64.optional(),
        'write-merges': uint64.optional(),
        'write-ticks': uint64.optional(),
        'discard-sectors': uint64.optional(),
        'discard-ios': uint64.optional(),
        'discard-merges': uint64.optional(),
        'discard-ticks': uint64.optional(),
        'flush-ios': uint64.optional(),
        'flush-ticks': uint64.optional(),
        'ios-pgr': uint64.optional(),
        'total-ticks': uint64.optional(),
        'weight-ticks': uint64.optional(),
      }),
    }),
  ),
});
