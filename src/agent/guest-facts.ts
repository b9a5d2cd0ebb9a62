import type { GuestStatus } from '../api/schema/guest.ts';
import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { readSmallFile } from '../guest/read-small-file.ts';
import type { Command } from '../qga/command.ts';
import {
  guestFsfreezeStatus,
  guestGetFsinfo,
  guestGetHostName,
  guestGetOsinfo,
  guestGetTimezone,
  guestGetUsers,
  guestGetVcpus,
  guestInfo,
  guestNetworkGetInterfaces,
} from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import { clipped } from './clipped.ts';

/** What a guest's agent tells of its guest, in the shape of Guest.status. */
export type GuestFacts = Pick<
  GuestStatus,
  'agent' | 'os' | 'hostname' | 'timezone' | 'addresses' | 'interfaces' | 'filesystems' | 'users'
> & { onlineVcpus?: number; bootId?: string };

/**
 * Asks a guest everything that Guest.status shows. What the agent doesn't offer, or refuses, is left out. Throws an
 * AgentError when the agent doesn't answer. While the guest is frozen nothing is learned (C23): undefined.
 */
export async function readGuestFacts(agent: GuestAgent, signal: AbortSignal): Promise<GuestFacts | undefined> {
  const call = <R>(command: Command<Record<string, never>, R>) =>
    agent.call(command, {}, { priority: callPriority.inventory, signal });

  const info = await call(guestInfo);
  const enabled = new Set(info.supported_commands.filter((command) => command.enabled).map(({ name }) => name));
  const ask = async <R>(command: Command<Record<string, never>, R>): Promise<R | undefined> =>
    enabled.has(command.name) ? await unlessRefused(call(command)) : undefined;

  if ((await ask(guestFsfreezeStatus)) === 'frozen') return undefined;
  const os = await ask(guestGetOsinfo);
  const host = await ask(guestGetHostName);
  const interfaces = await ask(guestNetworkGetInterfaces);
  const filesystems = await ask(guestGetFsinfo);
  const users = await ask(guestGetUsers);
  const timezone = await ask(guestGetTimezone);
  const vcpus = await ask(guestGetVcpus);
  const bootId = enabled.has('guest-file-open')
    ? await unlessRefused(readSmallFile(agent, '/proc/sys/kernel/random/boot_id', signal))
    : undefined;

  const facts = compact<GuestFacts>({
    agent: {
      version: info.version,
      allowedCommands: [...enabled].toSorted(),
      blockedCommands: info.supported_commands
        .filter((command) => !command.enabled)
        .map(({ name }) => name)
        .toSorted(),
    },
    os: os && osFacts(os),
    hostname: host?.['host-name'],
    timezone: timezone && compact({ zone: timezone.zone, offsetSeconds: timezone.offset }),
    interfaces: interfaces?.map((link) =>
      compact({
        name: link.name,
        macAddress: link['hardware-address'],
        addresses: link['ip-addresses']?.map((address) => `${address['ip-address']}/${address.prefix}`),
      }),
    ),
    addresses: interfaces
      ?.flatMap((link) => (link['ip-addresses'] ?? []).map((a) => a['ip-address']))
      .filter(isRoutable),
    filesystems: filesystems?.map(({ mountpoint, name, type }) => ({ mountpoint, name, type })).toSorted(byMountpoint),
    users: users?.map(({ user, domain }) => compact({ name: user, domain })),
    onlineVcpus: vcpus?.filter(({ online }) => online).length,
    bootId: bootId?.trim() || undefined,
  });
  return clipped(facts);
}

function osFacts(
  os: NonNullable<Awaited<ReturnType<typeof guestGetOsinfo.reply.parse>>>,
): NonNullable<GuestStatus['os']> {
  return compact({
    id: os.id,
    name: os.name,
    prettyName: os['pretty-name'],
    version: os.version,
    versionId: os['version-id'],
    variant: os.variant,
    variantId: os['variant-id'],
    kernelRelease: os['kernel-release'],
    kernelVersion: os['kernel-version'],
    machine: os.machine,
  });
}

/** Loopback and link-local addresses reach nobody from outside. */
function isRoutable(address: string): boolean {
  return !/^(127\.|::1$|fe80:|169\.254\.)/i.test(address);
}

function byMountpoint(a: { mountpoint: string }, b: { mountpoint: string }): number {
  return a.mountpoint < b.mountpoint ? -1 : 1;
}

async function unlessRefused<R>(answer: Promise<R>): Promise<R | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
    throw error;
  }
}

/** Without the members that are undefined: an absent field and an undefined one must compare alike. */
function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
