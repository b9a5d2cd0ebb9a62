import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { int64, int64Argument } from '../integers.ts';
import { listOf, nothing, text } from '../schema.ts';

const id = z.object({ id: int64Argument }).strict();

/** Echoes `id`, a 64-bit integer. An answer with another one is a late answer to an earlier question. Since 0.15. */
export const guestSync = defineCommand({
  name: 'guest-sync',
  since: '0.15',
  arguments: id,
  reply: int64,
  whileFrozen: true,
});

/**
 * As guest-sync, with a byte 0xFF before the answer. libvirt can't read that byte and gives up the channel, so guest-sync
 * is sent in its place (C34). Since 1.1.
 */
export const guestSyncDelimited = defineCommand({
  name: 'guest-sync-delimited',
  sentAs: guestSync.name,
  since: '1.1',
  arguments: id,
  reply: int64,
  whileFrozen: true,
});

/** Answers when the agent has time to: it is single threaded, and silent while it is busy (C16). Since 0.15. */
export const guestPing = defineCommand({ name: 'guest-ping', since: '0.15', reply: nothing, whileFrozen: true });

/**
 * Version of the agent, and its commands with whether they are enabled there and whether they answer on success (told
 * from 1.7 on). All but a few show as disabled while frozen (C23). Since 0.15.
 */
export const guestInfo = defineCommand({
  name: 'guest-info',
  since: '0.15',
  reply: z.object({
    version: text,
    supported_commands: listOf(
      z.object({ name: text, enabled: z.boolean(), 'success-response': z.boolean().optional() }),
      1024,
    ),
  }),
  whileFrozen: true,
});
