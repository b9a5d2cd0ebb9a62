import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { int64 } from '../integers.ts';
import { listOf, taggedUnion, text } from '../schema.ts';

const pciId = z.object({ type: z.literal('pci'), 'vendor-id': z.int(), 'device-id': z.int() });

/** The guest's device drivers; `driver-date` is in nanoseconds since 1970. Windows only. Since 5.2. */
export const guestGetDevices = defineCommand({
  name: 'guest-get-devices',
  since: '5.2',
  reply: listOf(
    z.object({
      'driver-name': text,
      'driver-date': int64.optional(),
      'driver-version': text.optional(),
      id: taggedUnion('pci', pciId).optional(),
    }),
  ),
});
