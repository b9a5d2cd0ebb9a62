import type { GuestHost } from '../api/resources.ts';
import type { GuestHostStatus } from '../api/schema/guest-host.ts';
import type { HypervisorInfo } from '../guest/hypervisor.ts';
import { setCondition } from '../kube/conditions.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { GuestRegistry } from './guest-registry.ts';

export interface HostObservation {
  uri: string;
  /** Undefined while libvirt can't be reached. */
  info: HypervisorInfo | undefined;
  /** Why libvirt can't be reached. */
  problem: string | undefined;
  registry: GuestRegistry;
  agent: { version: string; startTime: string };
  lease: { namespace: string; name: string };
  sealingKey: SealingKey | undefined;
  now: number;
}

const mostNamed = 8;

/** A GuestHost's status. */
export function hostStatus(previous: GuestHost | undefined, observed: HostObservation): GuestHostStatus {
  const { uri, info, problem, registry, agent, lease, sealingKey, now } = observed;
  const observedGeneration = previous?.metadata.generation ?? 1;
  const libvirtConnected = info
    ? ({ status: 'True', reason: 'Connected', message: '' } as const)
    : ({
        status: 'False',
        reason: 'NotConnected',
        message: problem ?? `libvirt at ${uri} has not been reached yet`,
      } as const);
  let conditions = previous?.status?.conditions ?? [];
  conditions = setCondition(conditions, { type: 'LibvirtConnected', ...libvirtConnected, observedGeneration }, now);
  const ready = info
    ? { ...libvirtConnected, reason: 'HostReady' }
    : { ...libvirtConnected, reason: 'LibvirtNotConnected' };
  conditions = setCondition(conditions, { type: 'Ready', ...ready, observedGeneration }, now);
  conditions = setCondition(conditions, { ...owedCondition(registry), observedGeneration }, now);
  const last = previous?.status;
  const version = info?.libvirtVersion ?? last?.libvirt?.version;
  const hypervisorVersion = info?.hypervisorVersion ?? last?.hypervisorVersion;
  return {
    libvirt: { uri, ...(version !== undefined && { version }) },
    ...(hypervisorVersion !== undefined && { hypervisorVersion }),
    agent,
    guests: registry.count(),
    lease,
    ...(sealingKey && { sealingKey }),
    conditions,
  };
}

function owedCondition(registry: GuestRegistry) {
  const owed = registry.owedThaws();
  if (owed.length === 0) return { type: 'ThawOwed', status: 'False', reason: 'NothingOwed', message: '' } as const;
  const names = owed.slice(0, mostNamed).map(({ domain, agent }) => domain?.name ?? agent.uuid);
  const message = `${owed.length} guests may be frozen and can't be thawed yet: ${names.join(', ')}`;
  return { type: 'ThawOwed', status: 'True', reason: 'ThawOwed', message } as const;
}
