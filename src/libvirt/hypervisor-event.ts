/** virDomainEventType by its number. */
const lifecycleEvents = [
  'defined',
  'undefined',
  'started',
  'suspended',
  'resumed',
  'stopped',
  'shutdown',
  'pmsuspended',
  'crashed',
] as const;

export type LifecycleEvent = (typeof lifecycleEvents)[number];

export type HypervisorEvent =
  /** A connection stands, the first or a new one: events may have been lost, so look again at everything. */
  | { type: 'connected' }
  | { type: 'disconnected'; message: string }
  /** `detail` is the number of libvirt's virDomainEvent…DetailType. */
  | { type: 'lifecycle'; uuid: string; event: LifecycleEvent; detail: number }
  | { type: 'agent'; uuid: string; state: 'connected' | 'disconnected' }
  /** The guest was reset, by itself or from outside; its domain runs on. */
  | { type: 'reboot'; uuid: string }
  /** Somebody wrote into the domain's metadata, ours or another's. An edit of the whole definition is a `defined`. */
  | { type: 'metadata'; uuid: string };

/** Undefined for an event that a later libvirt brought. */
export function lifecycleEvent(uuid: string, event: number, detail: number): HypervisorEvent | undefined {
  const name = lifecycleEvents[event];
  return name && { type: 'lifecycle', uuid, event: name, detail };
}

/** `state`: virConnectDomainEventAgentLifecycleState. */
export function agentEvent(uuid: string, state: number): HypervisorEvent {
  return { type: 'agent', uuid, state: state === 1 ? 'connected' : 'disconnected' };
}
