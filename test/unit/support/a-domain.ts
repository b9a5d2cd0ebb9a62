import type { Domain } from '../../../src/guest/hypervisor.ts';

/** A domain that runs, its agent connected. */
export const aDomain: Domain = {
  uuid: 'uuid',
  name: 'web-1',
  state: 'running',
  movedAway: false,
  saved: false,
  persistent: true,
  agentChannel: 'connected',
  vcpus: 1,
  memoryKiB: 131_072,
};
