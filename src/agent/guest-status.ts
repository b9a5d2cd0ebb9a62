import type { Guest } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { GuestStatus } from '../api/schema/guest.ts';
import type { Domain } from '../guest/hypervisor.ts';
import { setCondition } from '../kube/conditions.ts';
import type { GuestFacts } from './guest-facts.ts';

/** How a guest's agent answers. */
export type AgentHealth =
  | { state: 'unknown' }
  | { state: 'answers'; facts: GuestFacts }
  /** It answers, and refuses nearly everything (C21). */
  | { state: 'frozen' }
  | { state: 'silent'; message: string };

/** A Guest's status, from its domain and its agent. Times are set only where a condition turns. */
export function guestStatus(
  previous: Guest | undefined,
  { node, domain, health, now }: { node: string; domain: Domain; health: AgentHealth; now: number },
): GuestStatus {
  const facts = health.state === 'answers' ? health.facts : undefined;
  const observedGeneration = previous?.metadata.generation ?? 1;
  let conditions = previous?.status?.conditions ?? [];
  for (const condition of [runningCondition(domain), agentCondition(domain, health)]) {
    conditions = setCondition(conditions, { ...condition, observedGeneration }, now);
  }
  const { onlineVcpus, bootId: _, ...told } = facts ?? lastTold(previous?.status);
  return {
    observedGeneration,
    node,
    domain: { uuid: domain.uuid, name: domain.name, state: domain.state, persistent: domain.persistent },
    ...told,
    vcpus: { configured: domain.vcpus, ...(onlineVcpus !== undefined && { online: onlineVcpus }) },
    memoryMiB: Math.round(domain.memoryKiB / 1024),
    conditions,
  };
}

/** What a guest told before it fell silent is still the best that is known of it. */
function lastTold(status: GuestStatus | undefined): GuestFacts {
  const { agent, os, hostname, timezone, addresses, interfaces, filesystems, users } = status ?? {};
  return {
    ...(agent && { agent }),
    ...(os && { os }),
    ...(hostname !== undefined && { hostname }),
    ...(timezone && { timezone }),
    ...(addresses && { addresses }),
    ...(interfaces && { interfaces }),
    ...(filesystems && { filesystems }),
    ...(users && { users }),
  };
}

type Said = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Whether a domain's vCPUs run, so that its agent can answer. */
export function isRunning(domain: Domain): boolean {
  return domain.state === 'running' || domain.state === 'blocked';
}

/** Whether there is somebody in the guest to talk to. */
export function canAnswer(domain: Domain): boolean {
  return isRunning(domain) && domain.agentChannel === 'connected';
}

function runningCondition(domain: Domain): Said {
  const name = domain.state.charAt(0).toUpperCase() + domain.state.slice(1);
  return {
    type: 'Running',
    status: isRunning(domain) ? 'True' : 'False',
    reason: `Domain${name}`,
    message: `libvirt says the domain is ${domain.state}`,
  };
}

const frozen = "the guest's filesystems are frozen, and nothing can be started there until they are thawed";

function agentCondition(domain: Domain, health: AgentHealth): Said {
  const no = (reason: string, message: string): Said => ({ type: 'AgentConnected', status: 'False', reason, message });
  if (domain.agentChannel === 'absent') {
    return no(
      'NoAgentChannel',
      `domain ${domain.name} has no channel org.qemu.guest_agent.0: add <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel> to its XML and start it anew`,
    );
  }
  if (!isRunning(domain)) return no('DomainNotRunning', `the domain is ${domain.state}`);
  if (domain.agentChannel === 'disconnected') {
    return no(
      'AgentDisconnected',
      'nothing in the guest holds the agent channel: install and start qemu-guest-agent there',
    );
  }
  switch (health.state) {
    case 'answers':
      return { type: 'AgentConnected', status: 'True', reason: 'AgentAnswers', message: '' };
    case 'frozen':
      return { type: 'AgentConnected', status: 'True', reason: 'GuestFrozen', message: frozen };
    case 'silent':
      return no('AgentUnresponsive', `the guest's agent holds the channel but does not answer: ${health.message}`);
    case 'unknown':
      return no('AgentNotAskedYet', "the guest's agent has just connected");
  }
}
