import {
  type Guest,
  type GuestTask,
  guestHosts,
  guests as guestResource,
  guestTasks,
  hostLabel,
} from '../api/resources.ts';
import { isTaskOver } from '../api/tasks.ts';
import { findCondition, isTrue } from '../kube/conditions.ts';
import type { ControlLoops } from '../kube/control-loops.ts';
import { leases } from '../kube/core-resources.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { Clock } from '../seams/clock.ts';
import { owesThaw } from './freeze-task.ts';
import { HostRoll } from './host-roll.ts';
import { isUnready } from './task-readiness.ts';

/** What a manager sees of the fleet: its informers, and the questions that its controllers ask them. */
export type Fleet = ReturnType<typeof createFleet>;

export function createFleet(loops: ControlLoops, clock: Clock) {
  const tasks = loops.informer(guestTasks);
  const guests = loops.informer(guestResource);
  const hosts = loops.informer(guestHosts);
  const hostLeases = loops.informer(leases, { labelSelector: hostLabel });
  const hostRoll = new HostRoll(hosts.cache, clock);
  tasks.cache.addIndex('owner', ownerKeys);
  tasks.cache.addIndex('open', (task) =>
    isTaskOver(task) ? [] : [`${task.metadata.namespace}/${task.spec.guestName}`],
  );
  tasks.cache.addIndex('thawOwed', (task) => (owesThaw(task) ? [task.spec.nodeName ?? ''] : []));
  guests.cache.addIndex('namespace', ({ metadata }) => [metadata.namespace ?? '']);
  guests.cache.addIndex('node', ({ status }) => [status?.node ?? '']);
  return {
    tasks,
    guests,
    hosts,
    hostLeases,
    /** The tasks that an object controls. */
    tasksOf: (owner: KubeObject): GuestTask[] => tasks.cache.byIndex('owner', ownerKey(owner)),
    guestsIn: (namespace: string): Guest[] => guests.cache.byIndex('namespace', namespace),
    guestsOn: (node: string): Guest[] => guests.cache.byIndex('node', node),
    /** By the key of a Guest, the tasks for it that want a node, another node, or something sealed for it. */
    unreadyTasksFor: (guestKey: string): GuestTask[] =>
      tasks.cache.byIndex('open', guestKey).filter((task) => isUnready(task, guests.cache.get(guestKey))),
    /** What is sealed to for a node; undefined where its agent has published nothing. */
    sealingKeyOf: (node: string): SealingKey | undefined => hosts.cache.get(node)?.status?.sealingKey,
    /** Why a node's agent can't reach libvirt, in its words; undefined where it can, or nobody knows. */
    libvirtProblemOf: (node: string): string | undefined => {
      const connected = findCondition(hosts.cache.get(node)?.status?.conditions, 'LibvirtConnected');
      return connected?.status === 'False' ? connected.message : undefined;
    },
    /** How many guests of each host may be frozen though they should be thawed. */
    thawsOwed: (): ReadonlyMap<string, number> => tasks.cache.countsByIndex('thawOwed'),
    /** By host, 1 while its agent is heard and reaches libvirt, else 0. */
    hostsReady: (): ReadonlyMap<string, number> =>
      new Map(
        hosts.cache.list().map(({ metadata, status }) => [metadata.name, isTrue(status?.conditions, 'Ready') ? 1 : 0]),
      ),
    hostExists: (node: string): boolean => hostRoll.exists(node),
    nextHostGoneMs: (): number | undefined => hostRoll.nextGoneMs(),
  };
}

/** An object as the index of owners names it. */
export function ownerKey({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.uid}`;
}

/** The object that controls another, as a key of indexes. A label could be set by anybody. */
export function ownerKeys({ metadata }: KubeObject): string[] {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner ? [`${metadata.namespace}/${owner.uid}`] : [];
}
