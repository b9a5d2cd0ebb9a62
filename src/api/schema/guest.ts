import * as z from 'zod';
import { conditions, listMapBy, rules, time, uuid } from './common.ts';

/** What a person may set on a Guest. */
export const guestSpec = z.object({
  suspend: z.boolean().optional().describe('Starts nothing new in this guest while true. What runs there goes on.'),
  allowedActions: z
    .array(
      z
        .string()
        .max(64)
        .meta(
          rules({
            rule: "self.matches('^(exec|command|readFile|writeFile|freeze|setPassword|verifyPassword|guest-[a-z-]+)$')",
            message:
              'an allowed action is exec, command, readFile, writeFile, freeze, setPassword, verifyPassword, or one command of the guest agent such as guest-get-osinfo',
          }),
        ),
    )
    .max(128)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'set' })
    .describe(
      'What tasks may do in this guest; everything where it is missing, nothing where it is empty. `command` allows every command of the guest agent, `guest-get-osinfo` that one alone.',
    ),
  channelRepair: z
    .enum(['Auto', 'Manual'])
    .optional()
    .describe(
      "Whether a broken agent channel is plugged in anew from the host, which restarts the guest's agent; Manual waits for the annotation qga.dev/repair-channel. Default: the agent's --channel-repair.",
    ),
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
  sizeMiB: z.int().optional(),
  usedPercent: z
    .int()
    .optional()
    .describe(
      'Of what may be used without privileges, in steps of 5: what changes all the time is no part of a status.',
    ),
  disks: z.array(z.string()).max(64).optional().describe('The disks it lies on.'),
});

const disk = z.object({
  name: z.string().describe("The guest's name of it: /dev/vda."),
  alias: z.string().optional().describe('Its name in the device mapper.'),
  bus: z.string().optional(),
  serial: z.string().optional(),
  partitions: z.array(z.string()).max(256).optional(),
});

const user = z.object({
  name: z.string(),
  domain: z.string().optional().describe('The logon domain (Windows).'),
});

/** How far a guest's clock is ahead of its host's. */
export const clockDrift = z.object({ driftMilliseconds: z.int(), measuredAt: time });

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
      unblock: z.string().optional().describe('What a person does in the guest to have them switched on.'),
    })
    .optional(),
  channel: z
    .object({
      repairs: z.int().describe('How often this agent process plugged it in anew.'),
      lastRepairTime: time.optional(),
      message: z.string().optional().describe('How the last repair went.'),
      observedRepair: z.string().max(1024).optional().describe('The value of qga.dev/repair-channel last acted upon.'),
    })
    .optional()
    .describe("The agent's channel, where it had to be mended."),
  os: os.optional(),
  hostname: z.string().optional(),
  timezone: z.object({ zone: z.string().optional(), offsetSeconds: z.int() }).optional(),
  addresses: z.array(z.string()).max(256).optional().describe('Every address but the loopback ones.'),
  interfaces: z.array(networkInterface).max(256).optional(),
  filesystems: z.array(filesystem).max(256).optional(),
  disks: z.array(disk).max(256).optional(),
  users: z.array(user).max(256).optional().describe('Who is logged in.'),
  vcpus: z
    .object({
      configured: z.int(),
      online: z.int().optional(),
      canOffline: z.int().optional().describe('How many of them guest-set-vcpus may switch off.'),
    })
    .optional(),
  memoryMiB: z.int().optional(),
  memoryBlocks: z
    .object({
      sizeMiB: z.int().optional(),
      total: z.int(),
      online: z.int(),
      canOffline: z.int().describe('How many of them guest-set-memory-blocks may switch off.'),
    })
    .optional(),
  observedRefresh: z.string().max(1024).optional().describe('The value of qga.dev/refresh last acted upon.'),
  clock: clockDrift
    .optional()
    .describe("How far the guest's clock is ahead of its host's, as measured when qga.dev/refresh was set last."),
  busyWith: z
    .string()
    .optional()
    .describe('The task, as namespace/name, that freezes this guest or owes it a thaw: others wait for it.'),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type GuestSpec = z.infer<typeof guestSpec>;
export type GuestStatus = z.infer<typeof guestStatus>;
