import { forbiddenIn } from '../api/allowed-actions.ts';
import type { Guest } from '../api/resources.ts';
import type { GuestTaskSpec } from '../api/schema/guest-task.ts';
import { findCondition } from '../kube/conditions.ts';

/** Why nothing can be started in a guest now, in a word and in a sentence. */
export interface Obstacle {
  reason:
    | 'GuestSuspended'
    | 'HostDown'
    | 'GuestNotRunning'
    | 'NoAgentChannel'
    | 'AgentNotConnected'
    | 'GuestFrozen'
    | 'ChannelBroken'
    | 'ActionNotAllowed'
    | 'NoSealingKey'
    | 'InputNotFound'
    | 'InputInvalid';
  message: string;
  /** Waiting is of no use: somebody has to change the domain first. */
  permanent?: boolean;
  /** Since when it stands there, in milliseconds since the epoch, where it came after the waiting had begun. */
  since?: number;
}

/** What stands in the way of reaching a guest, or of an action there where one is given; undefined when nothing does. */
export function obstacle(guest: Guest, action?: GuestTaskSpec['action']): Obstacle | undefined {
  const { name } = guest.metadata;
  const { conditions, domain } = guest.status ?? {};
  const forbidden = action && forbiddenIn(guest, action);
  if (forbidden) return { reason: 'ActionNotAllowed', message: forbidden, permanent: true };
  if (guest.spec?.suspend) {
    return { reason: 'GuestSuspended', message: `guest ${name} is suspended: set spec.suspend to false to go on` };
  }
  const silence = hostDown(guest);
  if (silence) return silence;
  const running = findCondition(conditions, 'Running');
  if (running?.status !== 'True') {
    return { reason: 'GuestNotRunning', message: `guest ${name} is ${domain?.state ?? 'not running'}: start it` };
  }
  const agent = findCondition(conditions, 'AgentConnected');
  if (agent?.status === 'True' && agent.reason === 'GuestFrozen') {
    return { reason: 'GuestFrozen', message: `guest ${name}: ${agent.message}` };
  }
  if (agent?.status === 'True') return undefined;
  if (agent?.reason === 'ChannelBroken') {
    return { reason: 'ChannelBroken', message: `the agent channel of guest ${name} is broken: ${agent.message}` };
  }
  if (agent?.reason === 'NoAgentChannel') return { reason: 'NoAgentChannel', message: agent.message, permanent: true };
  return {
    reason: 'AgentNotConnected',
    message:
      agent?.message || `nothing in guest ${name} answers on the agent channel: is qemu-guest-agent running there?`,
  };
}

/** That nothing is heard of what goes on in a guest, whatever else stands in the way; undefined while its host is heard. */
export function hostDown({ metadata, status }: Guest): Obstacle | undefined {
  const running = findCondition(status?.conditions, 'Running');
  if (running?.status !== 'Unknown') return undefined;
  const host = `host ${status?.node}, which runs guest ${metadata.name}`;
  const message =
    running.reason === 'LibvirtNotConnected'
      ? `the agent of ${host}, can't reach libvirt`
      : `nothing is heard from ${host}`;
  return { reason: 'HostDown', message };
}
