import { createHash } from 'node:crypto';
import { apiVersion, type Guest, type GuestTask, guestLabel, ownerUidLabel } from '../api/resources.ts';
import type { GuestTaskSpec } from '../api/schema/guest-task.ts';
import { controllerOf, type KubeObject, uidOf } from '../kube/objects.ts';
import { timestamp } from '../seams/clock.ts';

export interface TaskTemplate {
  action: GuestTaskSpec['action'];
  attempt: number;
  annotations?: Record<string, string>;
  /** Tells the attempts at one thing from those at another of the same owner in the same guest. */
  purpose?: string | undefined;
  /** Milliseconds since the epoch. */
  deadline?: number | undefined;
  startingDeadline?: number | undefined;
}

/** The task that carries out an action of `owner` on one guest, bound to the node that runs it. */
export function taskFor(owner: KubeObject, guest: Guest, template: TaskTemplate): GuestTask {
  const { action, attempt, annotations, purpose, deadline, startingDeadline } = template;
  const { node, domain } = guest.status ?? {};
  if (!node || !domain) throw new TypeError(`guest ${guest.metadata.name} has no node yet`);
  return {
    apiVersion,
    kind: 'GuestTask',
    metadata: {
      name: taskName(owner, guest.metadata.name, [domain.uuid, ...(purpose ? [purpose] : []), attempt]),
      namespace: owner.metadata.namespace as string,
      labels: { [ownerUidLabel]: uidOf(owner), [guestLabel]: labelValue(guest.metadata.name) },
      ...(annotations && { annotations }),
      ownerReferences: [controllerOf(owner)],
    },
    spec: {
      guestName: guest.metadata.name,
      guestUID: domain.uuid,
      nodeName: node,
      action,
      attempt,
      ...(deadline !== undefined && { deadline: timestamp(deadline) }),
      ...(startingDeadline !== undefined && { startingDeadline: timestamp(startingDeadline) }),
    },
  };
}

/** The same for the same owner and identity: creating it twice is creating it once. */
function taskName(owner: KubeObject, guestName: string, identity: readonly (string | number)[]): string {
  const digest = createHash('sha256')
    .update([owner.metadata.uid, ...identity].join('/'))
    .digest('hex')
    .slice(0, 10);
  return `${cut(owner.metadata.name, 100)}-${cut(guestName, 100)}-${digest}`;
}

/** A label's value holds at most 63 characters. */
export function labelValue(name: string): string {
  return cut(name, 63);
}

/** Cut so that it still ends as a DNS label may. */
export function cut(name: string, length: number): string {
  return name.slice(0, length).replace(/[^a-z0-9]+$/, '');
}
