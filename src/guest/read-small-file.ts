import { bytesOf, guestFileClose, guestFileOpen, guestFileRead } from '../qga/commands.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';

/** Reads the first 4 KiB of a file in a guest as text: for the kernel's own small files. Always closes its handle. */
export async function readSmallFile(agent: GuestAgent, path: string, signal: AbortSignal): Promise<string> {
  const options = { priority: callPriority.inventory, signal };
  const handle = await agent.call(guestFileOpen, { path }, options);
  try {
    const read = await agent.call(guestFileRead, { handle, count: 4096 }, options);
    return bytesOf(read['buf-b64']).toString('utf8');
  } finally {
    await agent.call(guestFileClose, { handle }, { priority: callPriority.inventory });
  }
}
