import { bytesOf, guestFileClose, guestFileOpen, guestFileRead } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';

const path = '/proc/sys/kernel/random/boot_id';

/** Which boot of its kernel a guest is in. Throws an AgentError, which a guest without such a file refuses by. */
export async function readBootId(agent: GuestAgent, signal: AbortSignal): Promise<string> {
  const options = { priority: callPriority.inventory, signal };
  const handle = await agent.call(guestFileOpen, { path }, options);
  try {
    const read = await agent.call(guestFileRead, { handle, count: 4096 }, options);
    return bytesOf(read['buf-b64']).toString('utf8').trim();
  } finally {
    await closed(agent, handle);
  }
}

/** Nobody waits for the thaw of a guest that was frozen in between: it keeps one handle open, and the answer counts. */
async function closed(agent: GuestAgent, handle: number): Promise<void> {
  try {
    await agent.call(guestFileClose, { handle }, { priority: callPriority.inventory });
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
  }
}
