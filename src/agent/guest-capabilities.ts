import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { guestFsfreezeStatus, guestInfo } from '../qga/commands.ts';
import { unlessRefused } from './unless-refused.ts';

/**
 * The agent's version and its commands. Undefined while the guest is frozen: it then shows nearly all of them as disabled
 * (C23). It may be frozen or thawed at any moment, so what it shows as disabled counts only between two looks that found
 * it thawed.
 */
export async function readGuestCapabilities(agent: GuestAgent, signal: AbortSignal) {
  const options = { priority: callPriority.inventory, signal };
  const isFrozen = async () => (await unlessRefused(agent.call(guestFsfreezeStatus, {}, options))) === 'frozen';

  const info = await agent.call(guestInfo, {}, options);
  const shown = new Map(info.supported_commands.map(({ name, enabled }) => [name, enabled]));
  if (!shown.get(guestFsfreezeStatus.name)) return info;
  if (await isFrozen()) return undefined;
  if (![...shown.values()].includes(false)) return info;
  const again = await agent.call(guestInfo, {}, options);
  return (await isFrozen()) ? undefined : again;
}
