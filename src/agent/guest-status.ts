import type { Guest } from '../api/resources.ts';
import type { Condition } from '../api/schema/common.ts';
import type { GuestStatus } from '../api/schema/guest.ts';
import { canAnswer, type Domain, isRunning } from '../guest/hypervisor.ts';
import { setCondition } from '../kube/conditions.ts';
import type { GuestFacts } from './guest-facts.ts';
import type { AgentHealth, ChannelCare, FreezeView, LiveGuest } from './live-guest.ts';

export interface GuestObservation {
  node: string;
  domain: Domain;
  health: AgentHealth;
  channel: ChannelCare;
  refreshed: LiveGuest['refreshed'];
  freeze?: FreezeView | undefined;
  now: number;
}

/** A Guest's status, from its domain and its agent. Times are set only where a condition turns. */
export function guestStatus(
  previous: Guest | undefined,
  { node, domain, health, channel, refreshed, freeze, now }: GuestObservation,
): GuestStatus {
  const facts = health.state === 'answers' ? health.facts : undefined;
  const observedGeneration = previous?.metadata.generation ?? 1;
  let conditions = previous?.status?.conditions ?? [];
  // Most guests are as they were: until it has been asked, what it told last stands.
  const awaited = canAnswer(domain) && health.state === 'unknown' && health.since === 'libvirtAway';
  const said = [
    runningCondition(domain),
    ...(awaited ? [] : [agentCondition(domain, health), channelCondition(domain, health, channel)]),
    ...(awaited && !freeze ? [] : [frozenCondition(domain, health, freeze)]),
    owedCondition(freeze),
  ];
  for (const condition of said) {
    conditions = setCondition(conditions, { ...condition, observedGeneration }, now);
  }
  const { onlineVcpus, bootId: _, ...told } = facts ?? lastTold(previous?.status);
  return {
    observedGeneration,
    node,
    domain: { uuid: domain.uuid, name: domain.name, state: domain.state, persistent: domain.persistent },
    ...told,
    vcpus: { configured: domain.vcpus, ...onlineVcpus },
    memoryMiB: Math.round(domain.memoryKiB / 1024),
    ...channelStatus(previous?.status, channel),
    ...refreshStatus(previous?.status, refreshed),
    ...(freeze && { busyWith: freeze.task }),
    conditions,
  };
}

/** A Guest's status while libvirt can't be reached: nobody knows how it is, but for a freeze that this agent made. */
export function unseenGuestStatus(guest: Guest, freeze: FreezeView | undefined, now: number): GuestStatus {
  const message = "the agent of its host can't reach libvirt";
  const unknown = (type: string): Said => ({ type, status: 'Unknown', reason: 'LibvirtNotConnected', message });
  let conditions = guest.status?.conditions ?? [];
  const types = ['Running', 'AgentConnected', 'ChannelHealthy', ...(freeze ? [] : ['Frozen'])];
  for (const type of types) conditions = setCondition(conditions, unknown(type), now);
  return { ...guest.status, conditions };
}

/** What a guest told before it fell silent is still the best that is known of it. */
function lastTold(status: GuestStatus | undefined): GuestFacts {
  const { agent, os, hostname, timezone, addresses, interfaces, filesystems, disks, users, memoryBlocks, vcpus } =
    status ?? {};
  return {
    ...(agent && { agent }),
    ...(os && { os }),
    ...(hostname !== undefined && { hostname }),
    ...(timezone && { timezone }),
    ...(addresses && { addresses }),
    ...(interfaces && { interfaces }),
    ...(filesystems && { filesystems }),
    ...(disks && { disks }),
    ...(users && { users }),
    ...(memoryBlocks && { memoryBlocks }),
    ...(vcpus?.online !== undefined && {
      onlineVcpus: { online: vcpus.online, ...(vcpus.canOffline !== undefined && { canOffline: vcpus.canOffline }) },
    }),
  };
}

type Said = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

function runningCondition(domain: Domain): Said {
  if (domain.movedAway) {
    const message = 'the domain left this host: the host that runs it now takes its Guest over';
    return { type: 'Running', status: 'False', reason: 'DomainMoved', message };
  }
  const name = domain.state.charAt(0).toUpperCase() + domain.state.slice(1);
  return {
    type: 'Running',
    status: isRunning(domain) ? 'True' : 'False',
    reason: `Domain${name}`,
    message: `libvirt says the domain is ${domain.state}`,
  };
}

function frozenCondition(domain: Domain, health: AgentHealth, freeze: FreezeView | undefined): Said {
  const of = (status: Said['status'], reason: string, message = ''): Said => ({
    type: 'Frozen',
    status,
    reason,
    message,
  });
  if (freeze?.held) return of('True', 'Held', `task ${freeze.task} holds it, until ${freeze.until} at the latest`);
  if (freeze?.thawOwed) return of('Unknown', 'ThawOwed', owed(freeze.task));
  if (health.state === 'frozen') {
    return of('True', 'FrozenBySomebody', 'somebody froze its filesystems: no task of this cluster holds it');
  }
  if (!isRunning(domain)) return of('False', 'DomainNotRunning');
  if (health.state === 'answers') return of('False', 'Thawed');
  return of('Unknown', 'AgentUnresponsive', 'its agent does not answer');
}

function owedCondition(freeze: FreezeView | undefined): Said {
  return freeze?.thawOwed
    ? { type: 'ThawOwed', status: 'True', reason: 'ThawOwed', message: owed(freeze.task) }
    : { type: 'ThawOwed', status: 'False', reason: 'NothingOwed', message: '' };
}

function owed(task: string): string {
  return `nobody knows whether the freeze of task ${task} still holds it: it is thawed as soon as it can be reached`;
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
    case 'broken':
      return no('ChannelBroken', health.message);
    case 'unknown':
      return no('AgentNotAskedYet', "the guest's agent has just connected");
  }
}

function channelCondition(domain: Domain, health: AgentHealth, { lastRepair }: ChannelCare): Said {
  const type = 'ChannelHealthy';
  const repaired = lastRepair ? ` (last mended ${lastRepair.time}: ${lastRepair.message})` : '';
  if (!canAnswer(domain)) {
    return { type, status: 'Unknown', reason: 'AgentDisconnected', message: 'nothing in the guest holds the channel' };
  }
  switch (health.state) {
    case 'answers':
    case 'frozen':
      return { type, status: 'True', reason: 'AgentAnswers', message: '' };
    case 'broken':
      return {
        type,
        status: 'False',
        reason: 'ChannelBroken',
        message: `libvirt has given the channel up and refuses every call: an answer was too large or malformed${repaired}`,
      };
    case 'silent':
      return {
        type,
        status: 'Unknown',
        reason: 'AgentUnresponsive',
        message: "the channel stands and the guest's agent does not answer: it hangs, or is busy",
      };
    case 'unknown':
      return { type, status: 'Unknown', reason: 'AgentNotAskedYet', message: "the guest's agent has just connected" };
  }
}

function refreshStatus(last: GuestStatus | undefined, refreshed: LiveGuest['refreshed']) {
  const observedRefresh = refreshed?.wish ?? last?.observedRefresh;
  const clock = refreshed?.clock ?? last?.clock;
  return { ...(observedRefresh !== undefined && { observedRefresh }), ...(clock && { clock }) };
}

function channelStatus(last: GuestStatus | undefined, { repairs, lastRepair, answeredWish }: ChannelCare) {
  const observedRepair = answeredWish ?? last?.channel?.observedRepair;
  if (!lastRepair && observedRepair === undefined) return {};
  return {
    channel: {
      repairs,
      ...(lastRepair && { lastRepairTime: lastRepair.time, message: lastRepair.message }),
      ...(observedRepair !== undefined && { observedRepair }),
    },
  };
}
