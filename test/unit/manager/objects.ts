import type * as z from 'zod';
import {
  apiVersion,
  domainUuidLabel,
  type FsFreezeWindow,
  type Guest,
  type GuestExecJob,
  type GuestTask,
  type PasswordRotation,
  releasedByOwnerAnnotation,
} from '../../../src/api/resources.ts';
import type { FreezeResult } from '../../../src/api/schema/freeze.ts';
import { passwordRotationSpec } from '../../../src/api/schema/password-rotation.ts';
import { freezeTaskFor, startingDeadlineOf } from '../../../src/manager/freeze-task.ts';
import { taskFor } from '../../../src/manager/task-template.ts';
import { microTimestamp, timestamp } from '../../../src/seams/clock.ts';

type FreezeEnd = NonNullable<FreezeResult['endedBy']>;

/** Noon of some day: what the tests count from. */
export const noon = Date.parse('2026-01-01T12:00:00Z');

export function aGuest(
  name: string,
  status: {
    running?: boolean;
    agent?: 'True' | 'False' | 'NoAgentChannel';
    since?: number;
    labels?: Record<string, string>;
    suspend?: boolean;
  } = {},
): Guest {
  const { running = true, agent = 'True', since = noon - 3600_000, labels = { app: 'web' }, suspend } = status;
  const uuid = `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padStart(12, '0').slice(-12)}`;
  const said = { message: `because ${name}`, lastTransitionTime: timestamp(since) };
  return {
    apiVersion,
    kind: 'Guest',
    metadata: { name, namespace: 'team-a', uid: `uid-${name}`, labels: { ...labels, [domainUuidLabel]: uuid } },
    ...(suspend !== undefined && { spec: { suspend } }),
    status: {
      node: 'hv1',
      domain: { uuid, name, state: running ? 'running' : 'shutoff', persistent: true },
      conditions: [
        { type: 'Running', status: running ? 'True' : 'False', reason: 'R', ...said },
        {
          type: 'AgentConnected',
          status: running && agent === 'True' ? 'True' : 'False',
          reason: agent === 'NoAgentChannel' ? agent : 'A',
          ...said,
        },
      ],
    },
  };
}

export function aJob(spec: Partial<GuestExecJob['spec']> = {}, status?: GuestExecJob['status']): GuestExecJob {
  return {
    apiVersion,
    kind: 'GuestExecJob',
    metadata: { name: 'job', namespace: 'team-a', uid: 'uid-job', generation: 1, creationTimestamp: timestamp(noon) },
    spec: {
      target: { selector: { matchLabels: { app: 'web' } } },
      exec: { command: ['true'] },
      parallelism: 10,
      startingDeadlineSeconds: 60,
      ...spec,
    },
    ...(status && { status }),
  };
}

/** The job's task for a guest, in a phase. */
export function aTask(job: GuestExecJob, guest: Guest, status?: GuestTask['status'], attempt = 0): GuestTask {
  const task = taskFor(job, guest, { action: { exec: job.spec.exec }, attempt, startingDeadline: noon + 61_000 });
  return { ...task, metadata: { ...task.metadata, uid: `uid-${task.metadata.name}` }, ...(status && { status }) };
}

export function aWindow(
  spec: Partial<FsFreezeWindow['spec']> = {},
  status?: FsFreezeWindow['status'],
  metadata: Partial<FsFreezeWindow['metadata']> = {},
): FsFreezeWindow {
  return {
    apiVersion,
    kind: 'FsFreezeWindow',
    metadata: {
      name: 'nightly',
      namespace: 'team-a',
      uid: 'uid-nightly',
      generation: 1,
      creationTimestamp: timestamp(noon),
      finalizers: ['qga.dev/thaw'],
      ...metadata,
    },
    spec: {
      target: { selector: { matchLabels: { app: 'web' } } },
      maxFrozenSeconds: 30,
      consistency: 'Group',
      policy: 'Required',
      startingDeadlineSeconds: 60,
      ...spec,
    },
    ...(status && { status }),
  };
}

type TaskStatus = NonNullable<GuestTask['status']>;

/** The window's task for a guest, in a phase; its agent has taken it unless it is pending, and its window released it. */
export function aFreezeTask(
  window: FsFreezeWindow,
  guest: Guest,
  status: TaskStatus = {},
  spec: Partial<GuestTask['spec']> = {},
): GuestTask {
  const task = freezeTaskFor(window, guest, startingDeadlineOf(window));
  const claim = { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon) };
  const taken = status.phase !== undefined && status.phase !== 'Pending';
  const release = status.freeze?.endedBy === 'Release';
  const annotations = release ? { [releasedByOwnerAnnotation]: 'true' } : undefined;
  return {
    ...task,
    metadata: {
      ...task.metadata,
      uid: `uid-${task.metadata.name}`,
      resourceVersion: '1',
      ...(annotations && { annotations }),
    },
    spec: { ...task.spec, ...(release && { release }), ...spec },
    status: { ...(taken && { claim }), ...status },
  };
}

/** The same, released by somebody else. */
export function byHand({ metadata, ...task }: GuestTask): GuestTask {
  const { annotations: _, ...rest } = metadata;
  return { ...task, metadata: rest };
}

/** Milliseconds after noon, as agents write instants. */
export const after = (ms: number) => microTimestamp(noon + ms);

export const preparing: TaskStatus = { phase: 'Running', reason: 'Preparing' };
export const prepared: TaskStatus = { phase: 'Running', reason: 'Prepared', freeze: { preparedAt: after(500) } };
export const held = (frozenMs = 1000): TaskStatus => ({
  phase: 'Held',
  freeze: { preparedAt: after(500), frozenAt: after(frozenMs), until: timestamp(noon + frozenMs + 30_000) },
});
export const thawed = (frozenMs = 1000, thawedMs = 5200, endedBy: FreezeEnd = 'Release'): TaskStatus => ({
  phase: 'Succeeded',
  reason: 'Completed',
  freeze: { frozenAt: after(frozenMs), thawedAt: after(thawedMs), verdict: 'Consistent', endedBy },
});
export const lost = (endedBy: FreezeEnd, message: string): TaskStatus => ({
  phase: 'Failed',
  reason: 'ConsistencyLost',
  message,
  freeze: { frozenAt: after(1000), thawedAt: after(3000), verdict: 'ConsistencyLost', endedBy },
});
export const released: TaskStatus = {
  phase: 'Failed',
  reason: 'Released',
  message: 'let go before it was frozen: nothing was frozen',
  freeze: { verdict: 'Skipped', endedBy: 'Release' },
};

/** A rotation as the API server completes it. */
export function aRotation(
  spec: Partial<z.input<typeof passwordRotationSpec>> = {},
  more: { annotations?: Record<string, string>; status?: PasswordRotation['status'] } = {},
): PasswordRotation {
  const { annotations, status } = more;
  return {
    apiVersion,
    kind: 'PasswordRotation',
    metadata: {
      name: 'app-password',
      namespace: 'team-a',
      uid: 'uid-rotation',
      generation: 1,
      creationTimestamp: timestamp(noon),
      ...(annotations && { annotations }),
    },
    spec: passwordRotationSpec.parse({
      target: { selector: { matchLabels: { app: 'web' } } },
      username: 'app',
      ...spec,
    }),
    ...(status && { status }),
  };
}
