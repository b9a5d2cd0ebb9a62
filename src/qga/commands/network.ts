import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { uint64 } from '../integers.ts';
import { listOf, openEnum, text } from '../schema.ts';

const statistics = z.object({
  'rx-bytes': uint64,
  'rx-packets': uint64,
  'rx-errs': uint64,
  'rx-dropped': uint64,
  'tx-bytes': uint64,
  'tx-packets': uint64,
  'tx-errs': uint64,
  'tx-dropped': uint64,
});

/** Interfaces with their MAC and IP addresses, and from 2.11 on their traffic since the boot. Since 1.1. */
export const guestNetworkGetInterfaces = defineCommand({
  name: 'guest-network-get-interfaces',
  since: '1.1',
  reply: listOf(
    z.object({
      name: text,
      'hardware-address': text.optional(),
      'ip-addresses': listOf(
        z.object({ 'ip-address': text, 'ip-address-type': openEnum<'ipv4' | 'ipv6'>(), prefix: z.int() }),
      ).optional(),
      statistics: statistics.optional(),
    }),
  ),
});

/**
 * The routing table. `version` is the IP version: 4 comes with `mask`, 6 with prefix lengths and `nexthop`. `mtu` and
 * `window` are in bytes. Linux only so far. Since 9.1.
 */
export const guestNetworkGetRoute = defineCommand({
  name: 'guest-network-get-route',
  since: '9.1',
  reply: listOf(
    z.object({
      iface: text,
      destination: text,
      metric: z.int(),
      gateway: text.optional(),
      mask: text.optional(),
      irtt: z.int().optional(),
      flags: uint64.optional(),
      refcnt: z.int().optional(),
      use: z.int().optional(),
      window: z.int().optional(),
      mtu: z.int().optional(),
      desprefixlen: text.optional(),
      source: text.optional(),
      srcprefixlen: text.optional(),
      nexthop: text.optional(),
      version: z.int(),
    }),
  ),
});
