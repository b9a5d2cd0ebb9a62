import * as z from 'zod';
import { conditions, listMapBy, time } from './common.ts';

export const guestHostSpec = z.object({});

export const guestHostStatus = z.object({
  libvirt: z.object({ uri: z.string(), version: z.string().optional() }).optional(),
  hypervisorVersion: z.string().optional(),
  agent: z.object({ version: z.string(), startTime: time }).optional(),
  guests: z.object({ total: z.int(), running: z.int(), agentConnected: z.int() }).optional(),
  lease: z
    .object({ namespace: z.string(), name: z.string() })
    .optional()
    .describe('The Lease this host renews while its agent lives.'),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestHostSpec = z.infer<typeof guestHostSpec>;
export type GuestHostStatus = z.infer<typeof guestHostStatus>;
