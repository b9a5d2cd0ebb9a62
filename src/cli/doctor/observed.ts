import type { Guest, GuestHost } from '../../api/resources.ts';
import type { Lease } from '../../kube/core-resources.ts';

/** What could be read, or why not. */
export type Seen<T> = { value: T } | { refused: string };

/** A heartbeat. `alive` by what was seen of it, whatever the clocks say. */
export interface SeenLease {
  lease: Lease | undefined;
  alive: boolean;
}

/** Whether the caller may do something. */
export interface Right {
  verb: string;
  /** The API group: empty for Kubernetes' core. */
  group: string;
  /** In plural. */
  resource: string;
  allowed: boolean;
}

/** All that a doctor looks at. */
export interface Observed {
  server: string;
  /** As `v1.35.0`. */
  serverVersion: Seen<string>;
  /** The plurals that qga.dev/v1alpha1 serves; none where it is not served at all. */
  kinds: Seen<readonly string[]>;
  /** By their plurals, the fields of this version that the API server doesn't know; those of kinds that it serves. */
  missingFields: Seen<ReadonlyMap<string, readonly string[]>>;
  operatorNamespace: string;
  manager: Seen<SeenLease>;
  hosts: Seen<readonly GuestHost[]>;
  /** By the hosts' names. */
  hostLeases: ReadonlyMap<string, Seen<SeenLease>>;
  guests: Seen<readonly Guest[]>;
  /** Undefined: all of them. */
  namespace: string | undefined;
  rights: readonly Right[];
  /** Of this program. */
  version: string;
  /** Milliseconds since the epoch. */
  now: number;
}

export function valueOf<T>(seen: Seen<T>): T | undefined {
  return 'value' in seen ? seen.value : undefined;
}
