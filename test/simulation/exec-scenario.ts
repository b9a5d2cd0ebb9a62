import {
  apiVersion,
  domainUuidLabel,
  type GuestExecJob,
  type GuestTask,
  guestExecJobs,
  guestTasks,
} from '../../src/api/resources.ts';
import type { FailureRule } from '../../src/api/schema/guest-exec-job.ts';
import { isTaskOver } from '../../src/api/tasks.ts';
import { ifThere } from './if-there.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

const namespace = 'default';

const failsWith = 3;
const whenItFails = { operator: 'In' as const, values: [failsWith] };
const rules: readonly FailureRule[] = [
  { action: 'FailJob', onExitCodes: whenItFails },
  { action: 'Ignore', onExitCodes: whenItFails },
  { action: 'Ignore', onOutcomes: ['AgentUnavailable'] },
  { action: 'Retry', onSignals: [9, 15] },
];

/** People run commands, one guest or all of them, and some change their minds. */
export const execScenario: Scenario = {
  begin(world, ms) {
    const { chance, timeline } = world;
    const jobs = chance.count(1, 3);
    for (let number = 1; number <= jobs; number++) {
      timeline.in(chance.between(0, ms), () => applyJob(world, `job-${number}`));
    }
    if (chance.happens(0.3)) timeline.in(chance.between(0, ms), () => applyTask(world, 'by-hand'));
  },
  open({ api }) {
    const jobs = api.list(guestExecJobs).items.filter(({ status }) => !status?.completionTime);
    const tasks = api.list(guestTasks).items.filter((task) => !isTaskOver(task));
    return [
      ...jobs.map(({ metadata, status }) => `job ${metadata.name} is ${status?.phase ?? 'not looked at'}`),
      ...tasks.map(({ metadata, status }) => `task ${metadata.name} is ${status?.phase ?? 'not looked at'}`),
    ];
  },
};

function applyJob(world: World, name: string): void {
  const { chance, api, timeline } = world;
  const suspend = chance.happens(0.1);
  const backoffLimit = chance.happens(0.3) ? chance.count(1, 2) : 0;
  const job = {
    apiVersion,
    kind: 'GuestExecJob',
    metadata: { name, namespace },
    spec: {
      target: chance.happens(0.5)
        ? { guestName: chance.pick(world.guests).name }
        : { selector: { matchExpressions: [{ key: domainUuidLabel, operator: 'Exists' as const }] } },
      exec: { command: commandOf(world, name, backoffLimit + 1) },
      parallelism: chance.count(1, 3),
      startingDeadlineSeconds: chance.happens(0.3) ? chance.count(1, 8) : 600,
      ...(chance.happens(0.2) && { activeDeadlineSeconds: chance.count(2, 40) }),
      ...(chance.happens(0.1) && { ttlSecondsAfterFinished: chance.count(0, 10) }),
      ...(suspend && { suspend }),
      ...(backoffLimit > 0 && { backoffLimit }),
      ...(chance.happens(0.1) && { maxFailures: chance.count(0, 1) }),
      ...(chance.happens(0.3) && { failurePolicy: { rules: [chance.pick(rules)] } }),
    },
  } satisfies GuestExecJob;
  world.say('a person', `applies ${name}: ${JSON.stringify(job.spec)}`);
  const { uid } = api.create(guestExecJobs, job).metadata;
  if (suspend) timeline.in(chance.between(100, 10_000), () => ifThere(() => resume(world, name)));
  if (!chance.happens(0.1)) return;
  timeline.in(chance.between(0, 10_000), () => {
    world.say('a person', `deletes ${name}`);
    ifThere(() => api.delete(guestExecJobs, { namespace, name }, { uid }));
  });
}

function resume({ api }: World, name: string): void {
  api.mergePatch(guestExecJobs, { namespace, name }, { spec: { suspend: false } });
}

/** A task without a job: the manager binds it. */
function applyTask(world: World, name: string): void {
  const guestName = world.chance.pick(world.guests).name;
  const task: GuestTask = {
    apiVersion,
    kind: 'GuestTask',
    metadata: { name, namespace },
    spec: { guestName, action: { exec: { command: commandOf(world, name) } } },
  };
  world.say('a person', `makes task ${name} for ${guestName}`);
  world.api.create(guestTasks, task);
}

/**
 * As the simulated guests understand it: whose it is, how many milliseconds it takes, how it exits. `tries`: how often it
 * may be started in one guest.
 */
function commandOf({ chance }: World, name: string, tries = 1): string[] {
  const code = chance.pick([0, 0, 0, failsWith]);
  return ['work', name, String(chance.pick([5, 300, 1500, 6000])), String(code), String(tries)];
}
