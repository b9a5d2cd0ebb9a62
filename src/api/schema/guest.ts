import * as z from 'zod';
import { conditions, listMapBy, uuid } from './common.ts';

/** What a person may set on a Guest. */
export const guestSpec = z.object({
  suspend: z.boolean().optional().describe('Starts nothing new in this guest while true. What runs there goes on.'),
});

/** What the guest's agent tells of its operating system (guest-get-osinfo). */
const os = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  prettyName: z.string().optional(),
  version: z.string().optional(),
  versionId: z.string().optional(),
  variant: z.string().optional(),
  variantId: z.string().optional(),
  kernelRelease: z.string().optional(),
  kernelVersion: z.string().optional(),
  machine: z.string().optional(),
});

const networkInterface = z.object({
  name: z.string(),
  macAddress: z.string().optional(),
  addresses: z.array(z.string()).max(256).optional().describe('With their prefix length: 10.0.2.15/24.'),
});

const filesystem = z.object({
  mountpoint: z.string(),
  name: z.string().describe("The guest's name of the disk or partition."),
  type: z.string(),
});

const user = z.object({
  name: z.string(),
  domain: z.string().optional().describe('The logon domain (Windows).'),
});

export const guestStatus = z.object({
  observedGeneration: z.int().optional(),
  node: z.string().optional().describe('The GuestHost that runs the domain.'),
  domain: z
    .object({
      uuid,
      name: z.string(),
      state: z.string().describe("libvirt's word for it: running, paused, shutoff…"),
      persistent: z.boolean(),
    })
    .optional(),
  agent: z
    .object({
      version: z.string().optional(),
      allowedCommands: z.array(z.string()).max(256).optional(),
      blockedCommands: z
        .array(z.string())
        .max(256)
        .optional()
        .describe("Known to the guest's agent but switched off there (allow-rpcs, block-rpcs)."),
    })
    .optional(),
  os: os.optional(),
  hostname: z.string().optional(),
  timezone: z.object({ zone: z.string().optional(), offsetSeconds: z.int() }).optional(),
  addresses: z.array(z.string()).max(256).optional().describe('Every address but the loopback ones.'),
  interfaces: z.array(networkInterface).max(256).optional(),
  filesystems: z.array(filesystem).max(256).optional(),
  users: z.array(user).max(256).optional().describe('Who is logged in.'),
  vcpus: z.object({ configured: z.int(), online: z.int().optional() }).optional(),
  memoryMiB: z.int().optional(),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestSpec = z.infer<typeof guestSpec>;
export type GuestStatus = z.infer<typeof guestStatus>;
