import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { int64, int64Argument, uint64 } from '../integers.ts';
import { listOf, nothing, taggedUnion, text } from '../schema.ts';

/**
 * Operating system and kernel, as uname and os-release tell them; each member is missing where the guest doesn't say.
 * On Windows `id` is `mswindows`. Since 2.10.
 */
export const guestGetOsinfo = defineCommand({
  name: 'guest-get-osinfo',
  since: '2.10',
  reply: z.object({
    'kernel-release': text.optional(),
    'kernel-version': text.optional(),
    machine: text.optional(),
    id: text.optional(),
    name: text.optional(),
    'pretty-name': text.optional(),
    version: text.optional(),
    'version-id': text.optional(),
    variant: text.optional(),
    'variant-id': text.optional(),
  }),
});

/** The guest's name for itself, which need not be unique, nor in DNS. Since 2.10. */
export const guestGetHostName = defineCommand({
  name: 'guest-get-host-name',
  since: '2.10',
  reply: z.object({ 'host-name': text }),
});

/** Time zone name, where known, and the offset to UTC in seconds, positive to the east. Since 2.10. */
export const guestGetTimezone = defineCommand({
  name: 'guest-get-timezone',
  since: '2.10',
  reply: z.object({ zone: text.optional(), offset: z.int() }),
});

/**
 * Who is logged in, each user once. `login-time` is that of the earliest login, in seconds since 1970 with fractions;
 * `domain` is Windows' logon domain. Since 2.10.
 */
export const guestGetUsers = defineCommand({
  name: 'guest-get-users',
  since: '2.10',
  reply: listOf(z.object({ user: text, domain: text.optional(), 'login-time': z.number() })),
});

/** The guest's clock: nanoseconds since 1970 in UTC. Since 1.5. */
export const guestGetTime = defineCommand({ name: 'guest-get-time', since: '1.5', reply: int64 });

/**
 * Sets the guest's clock to `time`, nanoseconds since 1970 in UTC, and its hardware clock with it. Without a time it is
 * read from the hardware clock: refused by Windows, and where the guest has no /sbin/hwclock (C40). Since 1.5.
 */
export const guestSetTime = defineCommand({
  name: 'guest-set-time',
  since: '1.5',
  arguments: z.object({ time: int64Argument.optional() }).strict(),
  reply: nothing,
  effect: 'changes',
  destructive: true,
});

/** How many processes ran or waited to, on average over the last 1, 5 and 15 minutes. Since 10.0. */
export const guestGetLoad = defineCommand({
  name: 'guest-get-load',
  since: '10.0',
  reply: z.object({ load1m: z.number(), load5m: z.number(), load15m: z.number() }),
});

const linuxCpuStats = z.object({
  type: z.literal('linux'),
  cpu: z.int(),
  user: uint64,
  nice: uint64,
  system: uint64,
  idle: uint64,
  iowait: uint64.optional(),
  irq: uint64.optional(),
  softirq: uint64.optional(),
  steal: uint64.optional(),
  guest: uint64.optional(),
  guestnice: uint64.optional(),
});

/** What each processor's time went to since the boot, in milliseconds. Linux only. Since 7.1. */
export const guestGetCpustats = defineCommand({
  name: 'guest-get-cpustats',
  since: '7.1',
  reply: listOf(taggedUnion('linux', linuxCpuStats)),
});
