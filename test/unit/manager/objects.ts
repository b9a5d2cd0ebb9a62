import {
  apiVersion,
  domainUuidLabel,
  type Guest,
  type GuestExecJob,
  type GuestTask,
} from '../../../src/api/resources.ts';
import { taskFor } from '../../../src/manager/task-template.ts';
import { timestamp } from '../../../src/seams/clock.ts';

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
export function aTask(job: GuestExecJob, guest: Guest, status?: GuestTask['status']): GuestTask {
  const task = taskFor(job, guest, { action: { exec: job.spec.exec }, attempt: 0, startingDeadline: noon + 61_000 });
  return { ...task, metadata: { ...task.metadata, uid: `uid-${task.metadata.name}` }, ...(status && { status }) };
}
