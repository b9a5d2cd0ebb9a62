import * as z from 'zod';
import { command, noArguments } from './command.ts';

/** base64 as the agent sends it; decoded by {@link bytesOf}. */
const base64 = z.base64().max(24 * 1024 * 1024);

/** Version of the agent, and its commands with whether they are enabled there. All but a few show as disabled while frozen (C23). Since 0.15. */
export const guestInfo = command(
  'guest-info',
  noArguments,
  z.object({
    version: z.string(),
    supported_commands: z.array(z.object({ name: z.string(), enabled: z.boolean() })).max(1024),
  }),
);

/** `thawed` or `frozen`: the agent's flag, not the kernel's truth (C24). Since 0.15. */
export const guestFsfreezeStatus = command('guest-fsfreeze-status', noArguments, z.string());

/** Operating system and kernel; each member is missing where the guest doesn't say. Since 2.10. */
export const guestGetOsinfo = command(
  'guest-get-osinfo',
  noArguments,
  z.object({
    'kernel-release': z.string().optional(),
    'kernel-version': z.string().optional(),
    machine: z.string().optional(),
    id: z.string().optional(),
    name: z.string().optional(),
    'pretty-name': z.string().optional(),
    version: z.string().optional(),
    'version-id': z.string().optional(),
    variant: z.string().optional(),
    'variant-id': z.string().optional(),
  }),
);

/** The guest's name for itself, which need not be in DNS. Since 2.10. */
export const guestGetHostName = command('guest-get-host-name', noArguments, z.object({ 'host-name': z.string() }));

/** Interfaces with their MAC and IP addresses, without the traffic counters, which change all the time. Since 1.1. */
export const guestNetworkGetInterfaces = command(
  'guest-network-get-interfaces',
  noArguments,
  z
    .array(
      z.object({
        name: z.string(),
        'hardware-address': z.string().optional(),
        'ip-addresses': z
          .array(z.object({ 'ip-address': z.string(), 'ip-address-type': z.string(), prefix: z.int() }))
          .optional(),
      }),
    )
    .max(4096),
);

/** Mounted local filesystems: what a freeze would hold. Since 2.2. */
export const guestGetFsinfo = command(
  'guest-get-fsinfo',
  noArguments,
  z.array(z.object({ name: z.string(), mountpoint: z.string(), type: z.string() })).max(4096),
);

/** Who is logged in; `login-time` is left out, since it says when and not who. Since 2.10. */
export const guestGetUsers = command(
  'guest-get-users',
  noArguments,
  z.array(z.object({ user: z.string(), domain: z.string().optional() })).max(4096),
);

/** Time zone name, where known, and the offset to UTC in seconds, positive to the east. Since 2.10. */
export const guestGetTimezone = command(
  'guest-get-timezone',
  noArguments,
  z.object({ zone: z.string().optional(), offset: z.int() }),
);

/** The guest's logical processors. Since 1.5. */
export const guestGetVcpus = command(
  'guest-get-vcpus',
  noArguments,
  z.array(z.object({ 'logical-id': z.int(), online: z.boolean() })).max(4096),
);

/** Opens a file and answers a handle, which must be closed. Since 0.15. */
export const guestFileOpen = command(
  'guest-file-open',
  z.object({ path: z.string(), mode: z.string().optional() }).strict(),
  z.int(),
);

/** Reads up to `count` bytes. Since 0.15. */
export const guestFileRead = command(
  'guest-file-read',
  z.object({ handle: z.int(), count: z.int().min(1).max(1048576).optional() }).strict(),
  z.object({ count: z.int(), 'buf-b64': base64, eof: z.boolean() }),
);

/** Closes a handle. Since 0.15. */
export const guestFileClose = command('guest-file-close', z.object({ handle: z.int() }).strict(), z.unknown());

/**
 * Starts a program as the agent's user (root) and answers its pid at once. `path` and `arg` land in the guest's syslog;
 * `env` and `input-data` don't; `env` replaces the whole environment (C11). Since 2.5.
 */
export const guestExec = command(
  'guest-exec',
  z
    .object({
      path: z.string(),
      arg: z.array(z.string()).optional(),
      env: z.array(z.string()).optional(),
      'input-data': z.string().optional(),
      'capture-output': z.boolean().optional(),
    })
    .strict(),
  z.object({ pid: z.int() }),
);

/** How a program fares. The first answer after its end also forgets it (C6). Since 2.5. */
export const guestExecStatus = command(
  'guest-exec-status',
  z.object({ pid: z.int() }).strict(),
  z.object({
    exited: z.boolean(),
    exitcode: z.int().optional(),
    signal: z.int().optional(),
    'out-data': base64.optional(),
    'err-data': base64.optional(),
    'out-truncated': z.boolean().optional(),
    'err-truncated': z.boolean().optional(),
  }),
);

/** The bytes behind a base64 member; none when the agent left it out. */
export function bytesOf(data: string | undefined): Buffer {
  return Buffer.from(data ?? '', 'base64');
}
