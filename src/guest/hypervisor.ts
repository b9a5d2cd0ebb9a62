/** libvirt's virDomainState, by name. */
export type DomainState =
  | 'nostate'
  | 'running'
  | 'blocked'
  | 'paused'
  | 'shutdown'
  | 'shutoff'
  | 'crashed'
  | 'pmsuspended';

/** Whether the domain has a guest agent channel, and whether something in the guest holds its other end. */
export type AgentChannel = 'absent' | 'disconnected' | 'connected';

/** One libvirt domain. Its identity is the UUID: names are reused and ids change at each boot (C33). */
export interface Domain {
  uuid: string;
  name: string;
  state: DomainState;
  /** Defined on disk: outlives its own shutdown. */
  persistent: boolean;
  agentChannel: AgentChannel;
  vcpus: number;
  memoryKiB: number;
  /** The domain's metadata element of our XML namespace, as XML; undefined where it has none. */
  metadataXml?: string | undefined;
}

export type LifecycleEvent =
  | 'defined'
  | 'undefined'
  | 'started'
  | 'suspended'
  | 'resumed'
  | 'stopped'
  | 'shutdown'
  | 'pmsuspended'
  | 'crashed';

export type HypervisorEvent =
  /** A connection stands, the first or a new one: events may have been lost, so look again at everything (C20). */
  | { type: 'connected' }
  | { type: 'disconnected'; message: string }
  | { type: 'lifecycle'; uuid: string; event: LifecycleEvent; detail: number }
  | { type: 'agent'; uuid: string; state: 'connected' | 'disconnected' };

export interface AgentCallOptions {
  /** How long the guest may take to answer, in whole seconds, at least 1. Wall time may reach 30 + 5 + this (C15). */
  timeoutSeconds: number;
  /** Gives up waiting for a free lane. A call already sent to libvirt is never abandoned half-way. */
  signal?: AbortSignal | undefined;
}

export interface HypervisorInfo {
  uri: string;
  /** As `11.3.0`. */
  libvirtVersion: string;
  /** As `QEMU 10.0.2`. */
  hypervisorVersion: string;
}

/** What the agent needs of libvirt. Failures are errors with libvirt's numeric `code` (virErrorNumber). */
export interface Hypervisor {
  /** Undefined while no connection stands. */
  info(): HypervisorInfo | undefined;
  domains(signal?: AbortSignal): Promise<Domain[]>;
  /** Undefined when the host has no such domain. */
  domain(uuid: string, signal?: AbortSignal): Promise<Domain | undefined>;
  /** Sends one guest agent command, JSON in and JSON out (virDomainQemuAgentCommand). */
  agentCommand(uuid: string, command: string, options: AgentCallOptions): Promise<string>;
  /** Returns a function that ends the subscription. */
  subscribe(listener: (event: HypervisorEvent) => void): () => void;
}
