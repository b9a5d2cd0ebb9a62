import type { Guest } from '../api/resources.ts';
import { findCondition } from '../kube/conditions.ts';

/** Why nothing can be started in a guest now, in a word and in a sentence. */
export interface Obstacle {
  reason: 'GuestSuspended' | 'HostDown' | 'GuestNotRunning' | 'NoAgentChannel' | 'AgentNotConnected' | 'GuestFrozen';
  message: string;
  /** Waiting is of no use: somebody has to change the domain first. */
  permanent?: boolean;
}

/** What stands in the way of starting something in a guest; undefined when nothing does. */
export function obstacle(guest: Guest): Obstacle | undefined {
  const { name } = guest.metadata;
  const { conditions, node, domain } = guest.status ?? {};
  if (guest.spec?.suspend) {
    return { reason: 'GuestSuspended', message: `guest ${name} is suspended: set spec.suspend to false to go on` };
  }
  const running = findCondition(conditions, 'Running');
  if (running?.status === 'Unknown') {
    return { reason: 'HostDown', message: `nothing is heard from host ${node}, which runs guest ${name}` };
  }
  if (running?.status !== 'True') {
    return { reason: 'GuestNotRunning', message: `guest ${name} is ${domain?.state ?? 'not running'}: start it` };
  }
  const agent = findCondition(conditions, 'AgentConnected');
  if (agent?.status === 'True' && agent.reason === 'GuestFrozen') {
    return { reason: 'GuestFrozen', message: `guest ${name}: ${agent.message}` };
  }
  if (agent?.status === 'True') return undefined;
  if (agent?.reason === 'NoAgentChannel') return { reason: 'NoAgentChannel', message: agent.message, permanent: true };
  return {
    reason: 'AgentNotConnected',
    message:
      agent?.message || `nothing in guest ${name} answers on the agent channel: is qemu-guest-agent running there?`,
  };
}
