import type { Guest, GuestTask } from '../api/resources.ts';
import { callPriority, type GuestAgent } from '../guest/guest-agent.ts';
import { guestExec, guestFsfreezeStatus, guestInfo } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { LiveGuest } from './guest-registry.ts';
import { isRunning } from './guest-status.ts';
import type { GuestView } from './task-decision.ts';

/**
 * Why a task can't be started in its guest now; undefined when it can. `object` is the Guest of the task's namespace and
 * name: a task reaches only the domain that this Guest stands for, whatever UUID its maker wrote into it.
 */
export function obstacleOf(
  { spec }: GuestTask,
  object: Guest | undefined,
  live: LiveGuest,
  libvirtConnected: boolean,
): GuestView['obstacle'] {
  const name = spec.guestName;
  if (!object) return { reason: 'GuestNotFound', message: `this host runs no guest ${name} of the task's namespace` };
  if (object.status?.domain?.uuid !== spec.guestUID) {
    return { reason: 'GuestReplaced', message: `guest ${name} is not the domain ${spec.guestUID}`, permanent: true };
  }
  if (object.spec?.suspend) {
    return { reason: 'GuestSuspended', message: `guest ${name} is suspended: set spec.suspend to false to go on` };
  }
  const { domain, health } = live;
  if (!libvirtConnected)
    return { reason: 'LibvirtNotConnected', message: 'this host’s agent has no connection to libvirt' };
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
    case 'frozen':
      return {
        reason: 'GuestFrozen',
        message: `the filesystems of guest ${name} are frozen: it is waited for their thaw`,
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
