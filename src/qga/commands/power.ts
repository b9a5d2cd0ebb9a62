import * as z from 'zod';
import { defineCommand } from '../command.ts';
import { nothing } from '../schema.ts';

/** What these commands have in common: that they worked is seen at the domain, not by an answer. */
const endsTheGuestsWork = { reply: nothing, effect: 'changes', destructive: true, answers: false } as const;

/**
 * Asks the guest to shut down, by default with `powerdown`. It may take its time, or not come to it: the domain's
 * lifecycle tells. Since 0.15.
 */
export const guestShutdown = defineCommand({
  name: 'guest-shutdown',
  since: '0.15',
  arguments: z.object({ mode: z.enum(['halt', 'powerdown', 'reboot']).optional() }).strict(),
  ...endsTheGuestsWork,
});

/**
 * Suspends the guest to its disk, after which the domain is off; the next start resumes it. Refused as unsupported where
 * the guest can't. Since 1.1.
 */
export const guestSuspendDisk = defineCommand({ name: 'guest-suspend-disk', since: '1.1', ...endsTheGuestsWork });

/**
 * Suspends the guest to its memory: the domain is pmsuspended until it is woken from the host. libvirt reports that the
 * agent disappeared (C40). Refused as unsupported where the guest can't. Since 1.1.
 */
export const guestSuspendRam = defineCommand({ name: 'guest-suspend-ram', since: '1.1', ...endsTheGuestsWork });

/** As guest-suspend-ram, with the state on disk as well, should the power fail. Linux only. Since 1.1. */
export const guestSuspendHybrid = defineCommand({ name: 'guest-suspend-hybrid', since: '1.1', ...endsTheGuestsWork });
