import type { GuestStatus } from '../api/schema/guest.ts';
import { readBootId } from '../guest/boot-id.ts';
import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import type { Command } from '../qga/command.ts';
import {
  guestGetDisks,
  guestGetFsinfo,
  guestGetHostName,
  guestGetMemoryBlockInfo,
  guestGetMemoryBlocks,
  guestGetOsinfo,
  guestGetTimezone,
  guestGetUsers,
  guestGetVcpus,
  guestNetworkGetInterfaces,
} from '../qga/commands.ts';
import { clipped } from './clipped.ts';
import { readGuestCapabilities } from './guest-capabilities.ts';
import { optionalQuestions } from './optional-questions.ts';
import { unblockHint } from './unblock-hint.ts';

/** What a guest's agent tells of its guest, in the shape of Guest.status. */
export type GuestFacts = Pick<
  GuestStatus,
  | 'agent'
  | 'os'
  | 'hostname'
  | 'timezone'
  | 'addresses'
  | 'interfaces'
  | 'filesystems'
  | 'disks'
  | 'users'
  | 'memoryBlocks'
> & { onlineVcpus?: Pick<NonNullable<GuestStatus['vcpus']>, 'online' | 'canOffline'>; bootId?: string };

/**
 * Asks a guest everything that Guest.status shows. What the agent doesn't offer or refuses, or can't answer as it should,
 * is left out. Throws an AgentError when the agent doesn't answer at all. While the guest is frozen nothing is learned
 * (C23): undefined.
 */
export async function readGuestFacts(agent: GuestAgent, signal: AbortSignal): Promise<GuestFacts | undefined> {
  const call = <R>(command: Command<Record<string, never>, R>) =>
    agent.call(command, {}, { priority: callPriority.inventory, signal });

  const info = await readGuestCapabilities(agent, signal);
  if (!info) return undefined;
  const enabled = new Set(info.supported_commands.filter((command) => command.enabled).map(({ name }) => name));
  const optional = optionalQuestions(agent, signal);
  const ask = async <R>(command: Command<Record<string, never>, R>): Promise<R | undefined> =>
    enabled.has(command.name) ? await optional(() => call(command)) : undefined;

  // Without it nobody could tell what became of a task whose answer is lost.
  const readBoot = () => readBootId(agent, signal);
  const bootId = enabled.has('guest-file-open') ? await optional(readBoot, 'needed') : undefined;
  const os = await ask(guestGetOsinfo);
  const host = await ask(guestGetHostName);
  const interfaces = await ask(guestNetworkGetInterfaces);
  const filesystems = await ask(guestGetFsinfo);
  const disks = await ask(guestGetDisks);
  const users = await ask(guestGetUsers);
  const timezone = await ask(guestGetTimezone);
  const vcpus = await ask(guestGetVcpus);
  const memoryBlocks = await ask(guestGetMemoryBlocks);
  const memoryBlock = memoryBlocks && (await ask(guestGetMemoryBlockInfo));

  const blockedCommands = info.supported_commands
    .filter((command) => !command.enabled)
    .map(({ name }) => name)
    .toSorted();
  const facts = compact<GuestFacts>({
    agent: compact({
      version: info.version,
      allowedCommands: [...enabled].toSorted(),
      blockedCommands,
      unblock: unblockHint(blockedCommands, os?.id),
    }),
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
    filesystems: filesystems?.map(filesystemFacts).toSorted(byMountpoint),
    disks: disks && diskFacts(disks),
    users: users?.map(({ user, domain }) => compact({ name: user, domain })),
    onlineVcpus: vcpus && {
      online: vcpus.filter(({ online }) => online).length,
      canOffline: vcpus.filter((vcpu) => vcpu.online && vcpu['can-offline']).length,
    },
    memoryBlocks:
      memoryBlocks &&
      compact({
        sizeMiB: memoryBlock && inMiB(memoryBlock.size),
        total: memoryBlocks.length,
        online: memoryBlocks.filter(({ online }) => online).length,
        canOffline: memoryBlocks.filter((block) => block.online && block['can-offline']).length,
      }),
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

type Filesystem = ReturnType<typeof guestGetFsinfo.reply.parse>[number];
type Disk = ReturnType<typeof guestGetDisks.reply.parse>[number];

const usageStepPercent = 5;

function filesystemFacts(filesystem: Filesystem): NonNullable<GuestStatus['filesystems']>[number] {
  const { mountpoint, name, type, disk } = filesystem;
  const total = filesystem['total-bytes'];
  const used = filesystem['used-bytes'];
  const devices = disk.map(({ dev }) => dev).filter((dev) => dev !== undefined);
  return compact({
    mountpoint,
    name,
    type,
    sizeMiB: total === undefined ? undefined : inMiB(total),
    usedPercent:
      total && used !== undefined
        ? Math.floor(Number((used * 100n) / total) / usageStepPercent) * usageStepPercent
        : undefined,
    disks: devices.length > 0 ? [...new Set(devices)].toSorted() : undefined,
  });
}

function diskFacts(devices: readonly Disk[]): NonNullable<GuestStatus['disks']> {
  return devices
    .filter(({ partition }) => !partition)
    .map(({ name, alias, address }) => {
      const partitions = devices.filter((each) => each.partition && each.dependencies?.includes(name));
      return compact({
        name,
        alias,
        bus: address?.['bus-type'],
        serial: address?.serial,
        partitions: partitions.length > 0 ? partitions.map((each) => each.name).toSorted() : undefined,
      });
    });
}

function inMiB(bytes: bigint): number {
  return Number(bytes / 1048576n);
}

/** Loopback and link-local addresses reach nobody from outside. */
function isRoutable(address: string): boolean {
  return !/^(127\.|::1$|fe80:|169\.254\.)/i.test(address);
}

function byMountpoint(a: { mountpoint: string }, b: { mountpoint: string }): number {
  return a.mountpoint < b.mountpoint ? -1 : 1;
}

/** Without the members that are undefined: an absent field and an undefined one must compare alike. */
function compact<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
