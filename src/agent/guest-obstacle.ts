import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { guestExec, guestFsfreezeStatus, guestInfo } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { LiveGuest } from './guest-registry.ts';
import { isRunning } from './guest-status.ts';
import type { GuestView } from './task-decision.ts';

/** Why no command can be started in a guest now; undefined when one can. */
export function obstacleOf(guest: LiveGuest, name: string): GuestView['obstacle'] {
  const { domain, health, suspended } = guest;
  if (suspended) {
    return { reason: 'GuestSuspended', message: `guest ${name} is suspended: set spec.suspend to false to go on` };
  }
  if (!domain) return { reason: 'GuestGone', message: `this host has no domain for guest ${name}` };
  if (domain.agentChannel === 'absent') {
    const message = `domain ${domain.name} has no guest agent channel: add one to its XML and start it anew`;
    return { reason: 'NoAgentChannel', message, permanent: true };
  }
  if (!isRunning(domain)) return { reason: 'GuestNotRunning', message: `guest ${name} is ${domain.state}: start it` };
  switch (health.state) {
    case 'unknown':
      return {
        reason: 'AgentNotConnected',
        message: `nothing in guest ${name} holds the agent channel: install and start qemu-guest-agent there`,
      };
    case 'silent':
      return { reason: 'AgentUnresponsive', message: `the agent of guest ${name} does not answer: ${health.message}` };
    case 'answers':
      return health.facts.agent?.blockedCommands?.includes(guestExec.name) ? blocked(name) : undefined;
  }
}

function blocked(name: string) {
  const message = `the agent of guest ${name} has guest-exec switched off: allow it there (qemu-ga's allow-rpcs or block-rpcs, BLOCK_RPCS in /etc/sysconfig/qemu-ga) and restart it`;
  return { reason: 'CommandBlocked', message, permanent: true };
}

/**
 * Why the agent refused to start a command, as it says itself when asked: its words differ by version (C5, C36).
 * Undefined while the guest is frozen: what was refused will be allowed again.
 */
export async function execBlocked(agent: GuestAgent, refusal: AgentError, signal: AbortSignal) {
  const options = { priority: callPriority.inventory, signal };
  try {
    if ((await agent.call(guestFsfreezeStatus, {}, options)) === 'frozen') return undefined;
    const info = await agent.call(guestInfo, {}, options);
    const enabled = info.supported_commands.some(({ name, enabled: on }) => on && name === guestExec.name);
    if (!enabled) return { phase: 'Failed', reason: 'CommandBlocked', message: blocked(agent.uuid).message } as const;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.outcome !== 'Refused') return undefined;
  }
  const message = `the guest's agent could not start /bin/sh, which every command runs under: ${refusal.message}`;
  return { phase: 'Failed', reason: 'ShellNotStarted', message } as const;
}
