import type { AgentCallOptions, Domain, HypervisorEvent, HypervisorInfo } from '../libvirt/index.ts';

export type {
  AgentCallOptions,
  AgentChannel,
  Domain,
  DomainState,
  HypervisorEvent,
  HypervisorInfo,
  LifecycleEvent,
} from '../libvirt/index.ts';

/** Whether a domain's vCPUs run, so that its agent can answer. */
export function isRunning({ state }: Pick<Domain, 'state'>): boolean {
  return state === 'running' || state === 'blocked';
}

/** Whether there is somebody in the guest to talk to. */
export function canAnswer(domain: Domain): boolean {
  return isRunning(domain) && domain.agentChannel === 'connected';
}

/** Not there, not even paused: nothing of what ran in it is left here, unless it was saved. */
export function isOff({ state }: Pick<Domain, 'state'>): boolean {
  return state === 'shutoff' || state === 'crashed';
}

/** virDomainEventStoppedDetailType, of a guest that goes on elsewhere or sleeps in a file. */
export const stoppedDetail = { migrated: 3, saved: 4 } as const;

/** A password for an account in a guest. */
export interface AccountPassword {
  user: string;
  password: string;
  /** The password is a crypt(3) hash. */
  encrypted: boolean;
}

/** What the agent needs of libvirt. Failures are errors with libvirt's numeric `code` (virErrorNumber). */
export interface Hypervisor {
  /** Undefined while no connection stands. */
  info(): HypervisorInfo | undefined;
  domains(signal?: AbortSignal): Promise<Domain[]>;
  /** Undefined when the host has no such domain. */
  domain(uuid: string, signal?: AbortSignal): Promise<Domain | undefined>;
  /** Whether the domain is on its way to another host (virDomainGetJobStats). */
  isMigrating(uuid: string, signal?: AbortSignal): Promise<boolean>;
  /** Sends one guest agent command, JSON in and JSON out (virDomainQemuAgentCommand). */
  agentCommand(uuid: string, command: string, options: AgentCallOptions): Promise<string>;
  /** The XML of a running domain's guest agent channel; undefined where it has none. */
  agentChannelXml(uuid: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Plugs a device into a running domain, by its XML. */
  attachDevice(uuid: string, xml: string, signal?: AbortSignal): Promise<void>;
  /** Unplugs a device from a running domain, by its XML; it may be gone only some time later. */
  detachDevice(uuid: string, xml: string, signal?: AbortSignal): Promise<void>;
  /**
   * Freezes all filesystems of the guest, or those of `mountpoints` (virDomainFSFreeze); answers how many. Of a
   * mountpoint that the guest doesn't have that is 0 (C22). One that is not answered in time may still come true (C25).
   */
  fsFreeze(uuid: string, options: AgentCallOptions & { mountpoints?: readonly string[] }): Promise<number>;
  /** Thaws all filesystems (virDomainFSThaw); answers how many, 0 where none was frozen. */
  fsThaw(uuid: string, options: AgentCallOptions): Promise<number>;
  /** Sets an account's password (virDomainSetUserPassword); the same one again changes nothing. */
  setUserPassword(uuid: string, account: AccountPassword, options: AgentCallOptions): Promise<void>;
  /** Wakes a guest that suspended itself to its memory (virDomainPMWakeup). */
  wakeUp(uuid: string, signal?: AbortSignal): Promise<void>;
  /** Returns a function that ends the subscription. */
  subscribe(listener: (event: HypervisorEvent) => void): () => void;
}
