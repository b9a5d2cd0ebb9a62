import * as z from 'zod';
import { conditions, listMapBy, time } from './common.ts';
import { sealingKey } from './sealed.ts';

export const guestHostSpec = z.object({});

export const guestHostStatus = z.object({
  libvirt: z.object({ uri: z.string(), version: z.string().optional() }).optional(),
  hypervisorVersion: z.string().optional(),
  agent: z.object({ version: z.string(), startTime: time }).optional(),
  guests: z
    .object({
      total: z.int(),
      running: z.int(),
      agentConnected: z.int(),
      channelBroken: z.int().optional(),
      frozen: z.int().optional(),
    })
    .optional(),
  lease: z
    .object({ namespace: z.string(), name: z.string() })
    .optional()
    .describe('The Lease this host renews while its agent lives.'),
  sealingKey: sealingKey
    .optional()
    .describe("What Secrets for this host's guests are sealed to. Only its agent can open them."),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestHostSpec = z.infer<typeof guestHostSpec>;
export type GuestHostStatus = z.infer<typeof guestHostStatus>;
