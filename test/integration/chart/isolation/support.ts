import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { apiVersion, type GuestTask } from '../../../../src/api/resources.ts';
import type { Secret } from '../../../../src/kube/core-resources.ts';

/** What every policy for agents says to a token that is bound to nothing: so it shows which of them hold already. */
export const boundToNoNode = 'bound to no node';

let made = 0;

export function fresh(kind: string): string {
  return `${kind}-${++made}`;
}

export function newTask(namespace: string, nodeName: string, name = fresh('task')): GuestTask {
  return {
    apiVersion,
    kind: 'GuestTask',
    metadata: { name, namespace },
    spec: { guestName: 'web-1', guestUID: randomUUID(), nodeName, action: { exec: { command: ['true'] } } },
  };
}

/** A Secret that is neither an agent's output nor a rotation's. */
export function someonesSecret(namespace: string, changes: Partial<Secret> = {}): Secret {
  const metadata = { name: fresh('secret'), namespace };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', ...changes };
}

export function forbidden(sentence: string): object {
  return { code: 403, message: expect.stringContaining(sentence) as string };
}
