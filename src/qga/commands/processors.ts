import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { count, listOf } from '../schema.ts';

const vcpu = z.object({
  'logical-id': z.int().min(0),
  online: z.boolean(),
  'can-offline': z.boolean().optional(),
});

/** The guest's logical processors, each once, in no order. Since 1.5. */
export const guestGetVcpus = defineCommand({ name: 'guest-get-vcpus', since: '1.5', reply: listOf(vcpu) });

/**
 * Switches processors on and off, one after the other, and stops at the first that can't be. Answers how many were done:
 * fewer than asked means that the next one failed, for a reason that only sending the rest again tells. Refused when the
 * first one fails; nothing has changed then. `can-offline` is ignored. Linux only. Since 1.5.
 */
export const guestSetVcpus = defineCommand({
  name: 'guest-set-vcpus',
  since: '1.5',
  arguments: z.object({ vcpus: z.array(vcpu.strict()).max(16_384) }).strict(),
  reply: count,
  effect: 'changes',
  destructive: true,
});
