/** The whole of this library: see README.md beside it. */
export type { Clock } from './clock.ts';
export { Connection, type HypervisorVersions, type KeepAlive } from './connection.ts';
export type { Domain, DomainState } from './domain.ts';
export type { DomainHandle } from './domain-handle.ts';
export { type AgentChannel, type DomainDefinition, parseDomainXml } from './domain-xml.ts';
export {
  LibvirtError,
  LibvirtMissingError,
  NotConnectedError,
  ThreadPoolTooSmallError,
  type VirError,
  virErrorNumber,
} from './errors.ts';
export { useEventLoop } from './event-loop.ts';
export type { ConnectionNews } from './event-watch.ts';
export { guardExit, hardExit } from './exit.ts';
export type { HypervisorEvent, LifecycleEvent } from './hypervisor-event.ts';
export { Lane, type LaneOptions } from './lane.ts';
export { LanePool, type LanePoolOptions, mostLanes } from './lane-pool.ts';
export {
  type AgentCallOptions,
  type HypervisorInfo,
  LibvirtHypervisor,
  type LibvirtHypervisorOptions,
} from './libvirt-hypervisor.ts';
export { keepMallocSmall } from './small-malloc.ts';
export { ensureThreads, requiredThreads, threadsOfPool } from './thread-pool.ts';
